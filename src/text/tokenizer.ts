import type { ByteDecoder, TokenPlace } from "./bytes.ts";
import type { DecodeOptions, EncodeOptions, EncodeWithinOptions } from "./tokenizer-options.ts";

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
  /** Ids that `encode` gives for a text. Same errors. */
  count(text: string, options?: EncodeOptions): number;
  /** A number of ids that the text has at least, by its length and the longest token: O(1), or O(n) for few tokenizers. */
  leastTokens(text: string): number;
  /** Places, ascending, where special tokens are spelled out in a text, overlapping ones too. */
  specialsIn(text: string): number[];
  /** The special token that a text spells out at a place, the longest one; undefined for none. */
  specialAt(text: string, at: number): { readonly id: number; readonly length: number } | undefined;
  /** Ids without a token decode to nothing; bytes that are not UTF-8 to U+FFFD. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** The bytes a token adds to a text; none for ids without a token. @param place default: in the middle of a text */
  idToBytes(id: number, place?: TokenPlace): Uint8Array;
  /** Whether the last token of a text may have other bytes than in the middle. */
  readonly endMatters: boolean;
  idToToken(id: number): string | undefined;
  tokenToId(token: string): number | undefined;
}
