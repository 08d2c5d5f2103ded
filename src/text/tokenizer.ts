import { BpeTokenizer } from "./bpe-tokenizer.ts";
import type { ByteDecoder } from "./bytes.ts";
import { readTokenizerFile } from "./schema.ts";
import type { DecodeOptions, EncodeOptions, EncodeWithinOptions } from "./tokenizer-options.ts";

export { TEXT_LIMITS } from "./bpe-tokenizer.ts";
export type { DecodeOptions, EncodeOptions, EncodeWithinOptions } from "./tokenizer-options.ts";

/** Text to ids and back, as tokenizer.json says. BPE only: byte-level, or SentencePiece-style with byte fallback. */
export interface Tokenizer {
  /** Largest id + 1. */
  readonly vocabSize: number;
  readonly specialIds: ReadonlySet<number>;
  /** What decoding takes from the start of a text. */
  readonly strip: ByteDecoder["strip"];
  /**
   * Lone surrogates are read as U+FFFD. Takes time in proportion to the text.
   * @throws TokenizerError when the text is longer than TEXT_LIMITS; LimitError naming `maxTokens` when it has more ids.
   */
  encode(text: string, options?: EncodeOptions): Uint32Array;
  /**
   * The same for long texts and strangers': lets other tasks run about every 10 ms, and stops as soon as it is sure that the
   * text has more than `limit` ids; at once, when its length alone says so.
   * @throws LimitError naming the limit; the signal's reason when it is aborted.
   */
  encodeWithin(text: string, limit: number, options?: EncodeWithinOptions): Promise<Uint32Array>;
  /** A number of ids that the text has at least, by its length and the longest token: O(1), or O(n) for few tokenizers. */
  leastTokens(text: string): number;
  /** Places, ascending, where special tokens are spelled out in a text, overlapping ones too. */
  specialsIn(text: string): number[];
  /** Ids without a token decode to nothing; bytes that are not UTF-8 to U+FFFD. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** The bytes a token adds to a text; none for ids without a token. */
  idToBytes(id: number): Uint8Array;
  idToToken(id: number): string | undefined;
  tokenToId(token: string): number | undefined;
}

/**
 * Loads a tokenizer.json.
 * @param json its bytes, UTF-8
 * @param file name for error messages
 * @throws TokenizerError with file and field for anything that is malformed or not supported.
 */
export function loadTokenizer(json: Uint8Array, file: string): Tokenizer {
  return new BpeTokenizer(readTokenizerFile(json, file));
}
