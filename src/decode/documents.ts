/** Stands between the documents of a text file. */
export const DOCUMENT_SEPARATOR = "<|endoftext|>";

/** Documents of a text: split at `<|endoftext|>`, stripped, curly quotes made straight; empty ones are left out. */
export function splitDocuments(text: string, max = Infinity): string[] {
  const documents: string[] = [];
  for (const part of text.split(DOCUMENT_SEPARATOR)) {
    if (documents.length >= max) break;
    const document = part
      .trim()
      .replace(/[\u2018\u2019]/g, "'")
      .replace(/[\u201c\u201d]/g, '"');
    if (document !== "") documents.push(document);
  }
  return documents;
}
