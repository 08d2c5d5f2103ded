import { TokenizerError } from "../errors.ts";
import type { JsonSlices } from "./json-slices.ts";
import { quote } from "./quote.ts";

/** Most ids a tokenizer may have. */
export const MAX_IDS = 1 << 19;
/** Longest entry of the vocabulary, in UTF-16 units. */
const MAX_TOKEN_LENGTH = 1024;

/** Reads `model.vocab`: ids by token. @throws TokenizerError naming what is wrong. */
export function readVocab(slices: JsonSlices | undefined, file: string): ReadonlyMap<string, number> {
  const field = "model.vocab";
  if (slices?.kind !== "object") throw new TokenizerError("must be an object from token to id", { file, field });
  const vocab = new Map<string, number>();
  for (const slice of slices) {
    const part = slice as Record<string, unknown>;
    for (const token of Object.keys(part)) {
      const id = part[token];
      if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= MAX_IDS) {
        throw new TokenizerError(`the id of ${quote(token)} must be an integer from 0 to ${MAX_IDS - 1}`, { file, field, limit: MAX_IDS });
      }
      if (token.length > MAX_TOKEN_LENGTH) {
        throw new TokenizerError(`the token of id ${id} has ${token.length} characters; the limit is ${MAX_TOKEN_LENGTH}`, {
          file,
          field,
          limit: MAX_TOKEN_LENGTH,
        });
      }
      // A token that is there twice has its last id.
      vocab.set(token, id);
    }
  }
  if (vocab.size === 0) throw new TokenizerError("is empty", { file, field });
  const seen = new Uint8Array(MAX_IDS);
  for (const id of vocab.values()) {
    if (seen[id] === 1) throw new TokenizerError(`two tokens have the id ${id}`, { file, field });
    seen[id] = 1;
  }
  return vocab;
}
