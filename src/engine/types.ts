import type { Tier } from "../host.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import type { GenerationDefaults } from "../text/generation-defaults.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { Quantization } from "../architecture/quantization.ts";
import type { OptionNames } from "../options.ts";
import type { DraftHead } from "./draft-head.ts";

/** Which experts are computed: `sparse` skips inactive ones; `dense` computes all, for comparison. Same result. */
export type FfnMode = "sparse" | "dense";

export interface LoadOptions {
  /** Kernel tier; default: the fastest that works here, `relaxed`, `simd` or `scalar`. */
  readonly tier?: Tier;
  /** Weight type for Hugging Face folders (default f32) and what is fetched and packed (default q8); packed files carry their own. */
  readonly quantize?: Quantization;
  readonly ffn?: FfnMode;
  /**
   * Threads to run on at most, the calling one included; default: physical cores where that was measured to be faster, else 1. Changes no
   * bit.
   */
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

/** What the rows of a chunk see of it. All of them see all that the sequence held before. */
export interface RowTree {
  /** Absolute position of each row. */
  readonly positions: ArrayLike<number>;
  /** For each row the rows of its tree that it sees: bit j for row first + j; itself is the last one. */
  readonly masks: BigUint64Array;
  /**
   * For each row the row of the chunk at which its tree, of at most 64, begins; every row before that is seen. Default 0. A row of a chain,
   * however long, is a tree of its own: `first[i] = i`, mask 1.
   */
  readonly first?: ArrayLike<number> | undefined;
}

/** How a chunk is laid out; the default is a chain after what the sequence already holds. */
export interface ForwardOptions {
  /** Which rows need logits: the last one (default), all, none, or a list of them, ascending; at most `model.maxLogitRows`. */
  readonly logits?: "last" | "all" | "none" | ArrayLike<number> | undefined;
  readonly tree?: RowTree | undefined;
}

/** Names of `SequenceOptions` and `ForwardOptions`. */
export const SEQUENCE_OPTIONS = { capacity: true } satisfies OptionNames<SequenceOptions>;
export const FORWARD_OPTIONS = { logits: true, tree: true } satisfies OptionNames<ForwardOptions>;

/** The rows of one sequence in a call that several sequences share. */
export interface SequenceRows extends ForwardOptions {
  readonly sequence: Sequence;
  readonly tokens: ArrayLike<number>;
}

/** Names of `SequenceRows`. */
export const ROWS_OPTIONS = { ...FORWARD_OPTIONS, sequence: true, tokens: true } satisfies OptionNames<SequenceRows>;

/** The rows of a call: those of each sequence follow each other, and each sequence is there once. */
export type RowTable = readonly SequenceRows[];

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
  /**
   * What `use` makes of these logits where they lie, without a copy. They are its own while it runs: it keeps them not, runs no model and
   * takes no memory.
   */
  withLogits<T>(i: number, use: (logits: Float32Array) => T): T;
  /** Index of the largest logit of that row; the smallest index on ties. */
  argmax(i: number): number;
  /** Hidden state `[hidden]` after the final norm of a row of the chunk, whether or not it has logits. */
  hidden(row: number): Float32Array;
  /**
   * Active-expert bitmasks `[layers][rows][ceil(experts / 32)]`, little-endian bit order; empty for dense models. A copy where a call had
   * rows of several sequences.
   */
  readonly activeExperts: Uint32Array;
}

/** One independent stream of tokens over a loaded model, with its own KV cache. */
export interface Sequence {
  readonly length: number;
  readonly capacity: number;
  /**
   * Makes room for `capacity` tokens, with all that it holds; does nothing where there is as much.
   * @throws MemoryError: nothing has then changed.
   */
  grow(capacity: number): void;
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
  /** Most tokens a forward call takes, of one sequence or of several. */
  readonly maxChunk: number;
  /** Most of them that may have logits. */
  readonly maxLogitRows: number;
  /**
   * Most tokens that a sequence can hold when it is the only one: the context, or what memory can ever be had for; undefined where nobody
   * knows.
   */
  readonly mostTokens?: number;
  /**
   * Bytes of tokenizer.json, with the tokens that other files of a folder add; undefined when the model has none.
   * @throws TokenizerError, LimitError
   */
  readonly tokenizerJson: Uint8Array | undefined;
  /** The host's way to let other tasks run; undefined for the usual one. */
  readonly pause?: (() => Promise<void>) | undefined;
  /** Whether the host's time stands still while code runs. */
  readonly frozenClock?: boolean | undefined;
  /** How the model wants conversations written; undefined when it does not say. @throws TokenizerError, LimitError */
  readonly chatTemplate?: ChatTemplate | undefined;
  /** How its makers want answers drawn; undefined when they do not say. @throws ConfigError, LimitError */
  readonly generationDefaults?: GenerationDefaults | undefined;
  ffn: FfnMode;
  /** Whether the packed file carries an EAGLE head, which drafts for this model. */
  readonly hasDraftHead?: boolean;
  /** The EAGLE head; its working memory is made at the first call. @throws UsageError when there is none. */
  draftHead?(): DraftHead;
  newSequence(options?: SequenceOptions): Sequence;
  /**
   * Takes memory for the logits of so many rows of a call, 1 to maxLogitRows, which a call that asks for them otherwise takes itself.
   * There is room for
   * one row with the first sequence. What the last call left of logits is lost. @throws MemoryError when there is none.
   */
  reserveLogits(rows: number): void;
  /**
   * Runs rows of several sequences in one call, which reads the weights once for all of them, and appends them to their caches. A row's
   * bits
   * do not depend on the others. @returns what it left of each sequence, in the order of the table
   * @throws LimitError when rows do not fit; UsageError for rows that make no sense. Nothing has then changed.
   */
  forwardRows(rows: RowTable): readonly ForwardResult[];
  dispose(): void;
}
