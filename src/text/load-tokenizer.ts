import { BpeTokenizer } from "./bpe-tokenizer.ts";
import { readTokenizerFile } from "./schema.ts";
import type { Tokenizer } from "./tokenizer.ts";

export { TEXT_LIMITS } from "./bpe-tokenizer.ts";

/**
 * Loads a tokenizer.json.
 * @param json its bytes, UTF-8
 * @param file name for error messages
 * @throws TokenizerError with file and field for anything that is malformed or not supported.
 */
export function loadTokenizer(json: Uint8Array, file: string): Tokenizer {
  return new BpeTokenizer(readTokenizerFile(json, file));
}
