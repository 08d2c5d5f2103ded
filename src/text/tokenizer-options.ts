import type { OptionNames } from "../options.ts";

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
}

export interface DecodeOptions {
  /** Leaves special tokens out; default true. */
  readonly skipSpecial?: boolean;
  /** The ids go on after other text: a leading space is kept, which at the start of a text SentencePiece drops. */
  readonly continuation?: boolean;
}

/** Names of `EncodeOptions` and `DecodeOptions`. */
export const ENCODE_OPTIONS = { addBos: true, parseSpecial: true, literal: true } satisfies OptionNames<EncodeOptions>;
export const DECODE_OPTIONS = { skipSpecial: true, continuation: true } satisfies OptionNames<DecodeOptions>;
