import type { Tier } from "../host.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { Quantization } from "../architecture/quantization.ts";
import type { EagleHead } from "./eagle.ts";
import type { OptionNames } from "../options.ts";

/** Which experts are computed: `sparse` skips inactive ones; `dense` computes all, for comparison. Same result. */
export type FfnMode = "sparse" | "dense";

export interface LoadOptions {
  /** Kernel tier; default: the fastest that works here, `relaxed`, `simd` or `scalar`. */
  readonly tier?: Tier;
  /** Weight type for Hugging Face folders (default f32); packed files carry their own. */
  readonly quantize?: Quantization;
  readonly ffn?: FfnMode;
  /** Threads to run on at most, the calling one included; default: physical cores where that was measured to be faster, else 1. Changes no bit. */
  readonly threads?: number;
  /** Called with bytes done and in all while weights are read. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Names of `LoadOptions`. */
export const LOAD_OPTIONS = { tier: true, quantize: true, ffn: true, threads: true, onProgress: true } satisfies OptionNames<LoadOptions>;

export interface SequenceOptions {
  /** Most tokens the sequence can hold (its KV cache is allocated at once); default: the model's context length, at most 4096. */
  readonly capacity?: number;
}

/** How a chunk is laid out; the default is a chain after what the sequence already holds. */
export interface ForwardOptions {
  /** Which rows need logits: the last one (default), all, or none. */
  readonly logits?: "last" | "all" | "none";
  /** Tree form: absolute position of each token, and per row the mask of chunk rows that it sees (bit j = row j, itself included). */
  readonly tree?: { readonly positions: ArrayLike<number>; readonly masks: BigUint64Array };
}

/** Names of `SequenceOptions` and `ForwardOptions`. */
export const SEQUENCE_OPTIONS = { capacity: true } satisfies OptionNames<SequenceOptions>;
export const FORWARD_OPTIONS = { logits: true, tree: true } satisfies OptionNames<ForwardOptions>;

/**
 * What one forward call left in the engine: it can be read until the next call on any sequence of the model; after that asking is a
 * UsageError. What is returned is a copy, the caller's to keep: memory may move under a view of it.
 */
export interface ForwardResult {
  /** Tokens of the chunk. */
  readonly rows: number;
  /** Rows that have logits (1, rows or 0). */
  readonly logitRows: number;
  /** Logits `[vocab]` of the i-th row that has them. */
  logits(i: number): Float32Array;
  /** What `use` makes of these logits where they lie, without a copy. They are its own while it runs: it keeps them not, runs no model and takes no memory. */
  withLogits<T>(i: number, use: (logits: Float32Array) => T): T;
  /** Index of the largest logit of that row; the smallest index on ties. */
  argmax(i: number): number;
  /** Hidden state `[hidden]` after the final norm of a row of the chunk, whether or not it has logits. */
  hidden(row: number): Float32Array;
  /** Active-expert bitmasks `[layers][rows][ceil(experts / 32)]`, little-endian bit order; empty for dense models. */
  readonly activeExperts: Uint32Array;
}

/** One independent stream of tokens over a loaded model, with its own KV cache. */
export interface Sequence {
  readonly length: number;
  readonly capacity: number;
  /**
   * Runs 1..model.maxChunk tokens and appends them to the cache.
   * @throws LimitError when the cache is full or the chunk too long; UsageError for ids outside the vocabulary.
   */
  forward(tokens: ArrayLike<number>, options?: ForwardOptions): ForwardResult;
  /** Forgets all tokens from `length` on. */
  truncate(length: number): void;
  /** Keeps, of the last chunk, only the rows of `path` (ascending), which become its chain. */
  keep(path: ArrayLike<number>): void;
  dispose(): void;
}

/** A loaded model: weights in linear memory, one engine instance, any number of sequences. */
export interface LoadedModel {
  readonly name: string;
  readonly config: ModelConfig;
  readonly quantization: Quantization;
  readonly tier: Tier;
  /** Threads that a forward call may run on. */
  readonly threads: number;
  /** Most tokens a forward call takes. */
  readonly maxChunk: number;
  /** Raw bytes of tokenizer.json; undefined when the model has none. */
  readonly tokenizerJson: Uint8Array | undefined;
  /** The host's way to let other tasks run; undefined for the usual one. */
  readonly pause?: (() => Promise<void>) | undefined;
  /** Whether the host's time stands still while code runs. */
  readonly frozenClock?: boolean | undefined;
  /** How the model wants conversations written; undefined when it does not say. */
  readonly chatTemplate?: ChatTemplate | undefined;
  ffn: FfnMode;
  /** Whether the packed file carries an EAGLE head, which drafts for this model. */
  readonly hasDraftHead?: boolean;
  /** The EAGLE head; its working memory is made at the first call. @throws UsageError when there is none. */
  draftHead?(): EagleHead;
  newSequence(options?: SequenceOptions): Sequence;
  dispose(): void;
}
