import { splitDocuments } from "../../src/decode/documents.ts";
import { FormatError } from "../../src/errors.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { runSteps, type Steps } from "./steps.ts";

/** Tokenized documents, one after another. */
export interface Corpus {
  readonly tokens: Int32Array;
  /** Where each document starts, and the end. */
  readonly starts: Int32Array;
}

/** A text and the name that errors call it by. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** The documents of a text. @throws FormatError when there is none, or it is not text. */
export function documentsOf({ name, text }: NamedText): string[] {
  // Binary files can be UTF-8 by chance, but hold zeros.
  if (text.includes("\0")) throw new FormatError("holds NUL characters: it is a binary file, not text", { file: name });
  const documents = splitDocuments(text);
  if (documents.length === 0) throw new FormatError("holds no text", { file: name });
  return documents;
}

/**
 * Tokenizes documents (they stand between `<|endoftext|>`): BOS where the tokenizer adds it, text, EOS.
 * @param eos id after each document; undefined for none
 * @returns steps that tell documents done and in all of the current text
 * @throws FormatError for a text without documents, or one that is not text.
 */
export function* corpusSteps(texts: readonly NamedText[], tokenizer: Tokenizer, eos: number | undefined): Steps<Corpus> {
  const parts: Uint32Array[] = [];
  let length = 0;
  for (const text of texts) {
    const documents = documentsOf(text);
    for (const [i, document] of documents.entries()) {
      const ids = tokenizer.encode(document, { parseSpecial: false });
      parts.push(ids);
      length += ids.length + (eos === undefined ? 0 : 1);
      yield [i + 1, documents.length];
    }
  }
  const tokens = new Int32Array(length);
  const starts = new Int32Array(parts.length + 1);
  let at = 0;
  parts.forEach((ids, i) => {
    starts[i] = at;
    tokens.set(ids, at);
    at += ids.length;
    if (eos !== undefined) tokens[at++] = eos;
  });
  starts[parts.length] = at;
  return { tokens, starts };
}

/** The same at once. @param onProgress called with documents done and in all of the current text */
export function tokenizeCorpus(
  texts: readonly NamedText[],
  tokenizer: Tokenizer,
  eos: number | undefined,
  onProgress?: (done: number, total: number) => void,
): Corpus {
  return runSteps(corpusSteps(texts, tokenizer, eos), onProgress);
}
