import { UsageError } from "../errors.ts";
import type { Logprobs } from "./sampling/logprobs.ts";

/** Why a generation ended: `maxTokens` reached, a stop text, an end-of-sequence token, cancelled, or a full KV cache. */
export type FinishReason = "length" | "stop" | "eos" | "aborted" | "context";

/** What one new token brought. There is a piece for every token. */
export interface Piece {
  /** Text that is certain now; empty while a character or a possible stop text is incomplete. */
  readonly text: string;
  readonly id: number;
  /** 0 for the first new token. */
  readonly index: number;
  /**
   * With the option `experts`, for models that have some: the experts that were active where this token was chosen, so those
   * of the token before it. Bitmasks `[layers][ceil(experts / 32)]`, bit j of word w for expert 32 w + j.
   */
  readonly experts?: Uint32Array;
  /** When the option `logprobs` asked for it. */
  readonly logprobs?: Logprobs;
}

/** What was chosen and measured, round by round. */
export interface SpeculationDecisions {
  /** Rounds by drafter ("off": plain steps) and nodes asked for. */
  readonly rounds: Readonly<Record<string, Readonly<Record<number, number>>>>;
  /** Milliseconds of a chunk by its rows: with `auto` as the guard knows it, else the mean of this generation. */
  readonly chunkMs: Readonly<Record<number, number>>;
  /** Mean milliseconds of a drafter's proposals. */
  readonly draftMs: Readonly<Record<string, number>>;
  /** Share of a drafter's tokens whose parent was accepted that were accepted too. */
  readonly acceptance: Readonly<Record<string, number>>;
  /** Experts that any token of a chunk activated, by its rows: mean over chunks and layers; null for dense models. */
  readonly expertsPerChunk: Readonly<Record<number, number>> | null;
  /**
   * With `auto`: share of the time after the prompt that was lost against plain decoding, negative when won, as its guard accounts for it.
   */
  readonly lossShare?: number;
}

/** What speculative decoding did; null without it. */
export interface SpeculationResult {
  /** Forward calls after the prompt. */
  readonly rounds: number | null;
  /** Mean tokens that a round confirmed: accepted drafts and one more, so at least 1; null before the first round. */
  readonly acceptLength: number | null;
  /** Tokens that the drafter proposed, and those of them that the model confirmed. */
  readonly draftedTokens: number | null;
  readonly acceptedTokens: number | null;
  /** Experts that any token of a round's chunk activated: mean over rounds and layers; null for dense models. */
  readonly expertsPerChunk: number | null;
  readonly decisions: SpeculationDecisions | null;
}

export const NO_SPECULATION: SpeculationResult = {
  rounds: null,
  acceptLength: null,
  draftedTokens: null,
  acceptedTokens: null,
  expertsPerChunk: null,
  decisions: null,
};

export interface GenerationResult extends SpeculationResult {
  /** All that the pieces carried. */
  readonly text: string;
  /** New token ids, with the end-of-sequence token if there was one. */
  readonly tokens: readonly number[];
  /** Number of tokens of the prompt. */
  readonly promptTokens: number;
  readonly finishReason: FinishReason;
  /** The end-of-sequence token that ended it; null when something else did. */
  readonly eosTokenId: number | null;
  /** The stop text that ended it; null when something else did. */
  readonly stopText: string | null;
  /** Seed that the sampler used. */
  readonly seed: number;
  /** Time to compute the prompt and choose the first token, pauses not counted. */
  readonly prefillMs: number;
  /** Time for all later tokens, without pauses and without what the consumer did between pieces. */
  readonly decodeMs: number;
  readonly prefillTokensPerSecond: number;
  /** Tokens after the first one a second; 0 when there are none. */
  readonly decodeTokensPerSecond: number;
  /** Token-level sparsity over all computed tokens, prompt included; null for dense models. */
  readonly tls: number | null;
}

/** What a generation iterates over: `finish` may be called at any time, ends it and gives its result. */
export interface GenerationRun<R extends GenerationResult = GenerationResult> {
  /** Takes the memory that it needs from the start, if it has not. @throws MemoryError when there is none. */
  reserve(): void;
  pieces(): AsyncGenerator<Piece, void, void>;
  /** @param failed something was thrown, so what was under way is half done */
  finish(failed?: boolean): R;
}

/**
 * A generation: iterate it (once) for the pieces, ask `result()` for the end.
 * Nothing is computed before the first piece is asked for; leaving the loop early frees everything.
 */
export class Generation<R extends GenerationResult = GenerationResult> implements AsyncIterable<Piece> {
  readonly #run: GenerationRun<R>;
  readonly #settled: Promise<R>;
  #resolve!: (result: R) => void;
  #reject!: (error: unknown) => void;
  #taken = false;

  constructor(run: GenerationRun<R>) {
    this.#run = run;
    this.#settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Who iterates sees the error there; nobody has to ask for the result.
    this.#settled.catch(() => undefined);
  }

  /**
   * Takes the memory of the KV cache and of a chosen drafter now, instead of with the first piece: for those who have to know before they
   * promise an answer. Whoever calls it iterates too, or calls the iterator's `return`; that gives the memory back.
   * @throws MemoryError when there is none; the generation has then ended, and nothing is taken.
   */
  reserve(): void {
    try {
      this.#run.reserve();
    } catch (error) {
      this.#run.finish();
      this.#reject(error);
      throw error;
    }
  }

  /** @throws UsageError when it is iterated already. */
  [Symbol.asyncIterator](): AsyncIterator<Piece, void, void> {
    if (this.#taken) throw new UsageError("a generation can be iterated only once; call generate() again");
    this.#taken = true;
    const pieces = this.#settling();
    return {
      next: () => pieces.next(),
      return: async () => {
        await pieces.return();
        // A generator that never started runs no finally block.
        this.#resolve(this.#run.finish());
        return { done: true, value: undefined };
      },
    };
  }

  /** The result, once all pieces are read. Reads them itself when nobody iterates. */
  async result(): Promise<R> {
    if (!this.#taken) for await (const _piece of this);
    return this.#settled;
  }

  async *#settling(): AsyncGenerator<Piece, void, void> {
    try {
      yield* this.#run.pieces();
    } catch (error) {
      this.#run.finish(true);
      this.#reject(error);
      throw error;
    } finally {
      this.#resolve(this.#run.finish());
    }
  }
}
