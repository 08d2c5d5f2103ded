import type { ModelConfig } from "../architecture/config.ts";

/** One chunk for an EAGLE head: what each row is, and where its keys and values go. */
export interface EagleChunk {
  readonly tokens: ArrayLike<number>;
  /** For each token `[hidden]`: the base model's state before it after the final norm, or the head's output at its drafted parent. */
  readonly hidden: readonly Float32Array[];
  readonly positions: ArrayLike<number>;
  /** Cache row of the first token. */
  readonly at: number;
  /** Every row sees the first so many cache rows ... */
  readonly visible: number;
  /** ... and row `visible` + j when bit j of its mask is set. Its own row must be the last it sees. */
  readonly masks: ArrayLike<bigint>;
  readonly logits: "none" | "last" | "all";
}

/** Best draft tokens of a row, best first: ids in the draft vocabulary, and log-probabilities over it. */
export interface DraftTop {
  readonly ids: Uint32Array;
  readonly values: Float32Array;
}

/** A head's cache for one sequence. */
export interface DraftSequence {
  readonly capacity: number;
  /**
   * Runs a chunk of 1..head.maxChunk rows. `hidden` and `top` then tell of it, until the next call on any sequence of the head.
   * @throws LimitError when rows do not fit into the cache or the chunk; UsageError for values that make no chunk.
   */
  forward(chunk: EagleChunk): void;
  /** A copy of the head's output at a row of the last chunk `[hidden]`. */
  hidden(row: number): Float32Array;
  /**
   * The k best draft tokens of the i-th row that has logits; equal ones by ascending id. Asking twice for a row gives the same.
   * @throws FormatError when the head computed NaN.
   */
  top(i: number, k: number): DraftTop;
  dispose(): void;
}

/** An EAGLE head as those see it who draft with it. */
export interface DraftHead {
  readonly name: string;
  /** The model that it drafts for. */
  readonly base: { readonly config: ModelConfig };
  /** The head as a model; `vocabSize` is that of the draft vocabulary. */
  readonly config: ModelConfig;
  /** Rows that a call takes at most. */
  readonly maxChunk: number;
  /** Token id of each draft token; undefined when they are the same. */
  readonly draftTokens: Uint32Array | undefined;
  /** Token id of a draft token. */
  tokenOf(draft: number): number;
  /**
   * A cache for `capacity` tokens.
   * @param logitRows rows of a chunk that may have logits without taking more memory
   * @throws MemoryError when memory cannot grow: nothing is taken then.
   */
  newSequence(capacity: number, logitRows?: number): DraftSequence;
  /** Frees the head's memory; its sequences end with an error when used afterwards. */
  dispose(): void;
}
