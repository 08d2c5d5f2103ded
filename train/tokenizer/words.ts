import { splitDocuments } from "../../src/decode/documents.ts";
import { FormatError } from "../../src/errors.ts";
import type { NamedText } from "../data/corpus.ts";
import type { Steps } from "../data/steps.ts";

export const SPACE = "▁";

/** Merges stay inside these: a run of letters, one digit, a run of signs, each with the space before it; a space; a line break. */
const WORD = new RegExp(`${SPACE}?[\\p{L}\\p{M}]+|${SPACE}?\\p{N}|${SPACE}?[^\\p{L}\\p{M}\\p{N}${SPACE}\\n]+|${SPACE}|\\n`, "gu");

/** Words between two pauses. */
const SLICE = 1 << 14;

/**
 * Counts the words of texts as SentencePiece writes them: spaces are `▁`, one stands before each document.
 * @throws FormatError for a text that is empty or binary.
 */
export function* countWords(texts: readonly NamedText[]): Steps<Map<string, number>> {
  const counts = new Map<string, number>();
  let words = 0;
  for (const { name, text } of texts) {
    if (text.includes("\0")) throw new FormatError("holds NUL characters: it is a binary file, not text", { file: name });
    const documents = splitDocuments(text);
    if (documents.length === 0) throw new FormatError("holds no text", { file: name });
    for (const document of documents) {
      for (const [word] of `${SPACE}${document.replaceAll(" ", SPACE)}`.matchAll(WORD)) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
        if (++words % SLICE === 0) yield [0, 1];
      }
    }
  }
  return counts;
}
