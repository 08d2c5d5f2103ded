import type { OptionNames } from "../options.ts";
import type { Paced } from "./within.ts";

export interface EncodeOptions {
  /** Puts the post-processor's special tokens (BOS, in most models) around the text; default true. */
  readonly addBos?: boolean;
  /**
   * Turns special tokens that are spelled out in the text ("<s>", "<|im_end|>") into their ids, as Hugging Face does;
   * default true. With false they are plain characters: use it for text from strangers inside a chat template.
   */
  readonly parseSpecial?: boolean;
  /** Places in the text, in UTF-16 units, where a special token that begins there is plain characters all the same. */
  readonly literal?: ReadonlySet<number>;
  /** Most ids that the text may have, those around it included; encoding stops as soon as it has more. */
  readonly maxTokens?: number;
}

/** How `encodeWithin` encodes, pauses and ends early. */
export interface EncodeWithinOptions extends Omit<EncodeOptions, "maxTokens">, Paced {}

export interface DecodeOptions {
  /** Leaves special tokens out; default true. */
  readonly skipSpecial?: boolean;
  /** The ids go on after other text: a leading space is kept, which at the start of a text SentencePiece drops. */
  readonly continuation?: boolean;
}

/** Names of these options. */
const COMMON = { addBos: true, parseSpecial: true, literal: true } as const;
export const ENCODE_OPTIONS = { ...COMMON, maxTokens: true } satisfies OptionNames<EncodeOptions>;
export const ENCODE_WITHIN_OPTIONS = { ...COMMON, signal: true, pause: true } satisfies OptionNames<EncodeWithinOptions>;
export const DECODE_OPTIONS = { skipSpecial: true, continuation: true } satisfies OptionNames<DecodeOptions>;
