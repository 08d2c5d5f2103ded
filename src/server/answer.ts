import type { Generation, GenerationResult, Piece } from "../decode/generation.ts";
import type { GenerateOptions } from "../decode/options.ts";
import type { ApiError } from "./errors.ts";
import { LogprobText, type AnswerToken } from "./logprobs.ts";
import type { Metrics } from "./metrics.ts";
import type { ServedModel } from "./served.ts";
import type { Release } from "./slots.ts";

/** What was said since the last time. */
export interface Said {
  readonly text: string;
  /** Tokens of the text, where log-probabilities were asked for. */
  readonly tokens: readonly AnswerToken[] | undefined;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export interface Outcome {
  readonly finishReason: "stop" | "length";
  /** What ended it, as vLLM tells it: the id of an end token, or a stop text; null for neither. */
  readonly stopReason: number | string | null;
  readonly usage: Usage;
}

export interface AnswerInit {
  readonly served: ServedModel;
  readonly prompt: ArrayLike<number>;
  readonly options: GenerateOptions;
  readonly release: Release;
  readonly metrics: Metrics;
  /** Aborted when the client goes away. */
  readonly client: AbortSignal;
  /** When the request came, in milliseconds of `performance.now`. */
  readonly start: number;
}

/**
 * One generation for one request: it holds a slot from its making to its end, and ends when the text does, when the client
 * goes away or when it is stopped. Nothing is computed between two calls of `next`.
 */
export class Answer {
  readonly #init: AnswerInit;
  readonly #generation: Generation;
  readonly #pieces: AsyncIterator<Piece, void, void>;
  readonly #result: Promise<GenerationResult>;
  readonly #controller = new AbortController();
  readonly #logprobs: LogprobText | undefined;
  readonly #onGone = (): void => this.#controller.abort();
  #tokens = 0;
  #first = 0;
  #last = 0;
  #stopped: ApiError | undefined;
  #ending: Promise<void> | undefined;
  #outcome: Outcome | undefined;
  #gone = false;

  /** @throws UsageError or LimitError for options that the model cannot do. */
  constructor(init: AnswerInit) {
    this.#init = init;
    const { served, prompt, options, client } = init;
    const generation = served.model.generate(prompt, { ...options, signal: this.#controller.signal });
    this.#generation = generation;
    this.#pieces = generation[Symbol.asyncIterator]();
    this.#result = generation.result();
    // Asked for at the end; until then nobody listens.
    this.#result.catch(() => undefined);
    this.#logprobs =
      options.logprobs === undefined || served.model.tokenizer === undefined ? undefined : new LogprobText(served.model.tokenizer, prompt);
    if (client.aborted) this.#controller.abort();
    client.addEventListener("abort", this.#onGone, { once: true });
  }

  /** How it ended; undefined before, and when it was cut off. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** Whether it ended because its client went away, or did not read. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Tokens of the prompt and new ones, so far. */
  get tokens(): { readonly prompt: number; readonly completion: number } {
    return { prompt: this.#init.prompt.length, completion: this.#tokens };
  }

  /** Takes its memory, so that a stream that cannot have it is refused with a status. @throws MemoryError; it has then ended. */
  async reserve(): Promise<void> {
    try {
      this.#generation.reserve();
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  /**
   * Goes on until there is something to tell; undefined at the end.
   * @throws ApiError when it was stopped; what the engine throws. It has then ended.
   */
  async next(): Promise<Said | undefined> {
    try {
      for (;;) {
        const { value: piece } = await this.#pieces.next();
        if (piece === undefined) {
          await (this.#ending ??= this.#finish());
          if (this.#stopped !== undefined) throw this.#stopped;
          return undefined;
        }
        this.#count();
        const tokens = this.#logprobs?.push(piece);
        if (piece.text !== "") return { text: piece.text, tokens };
      }
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  /** Ends it early and frees its slot. Does nothing when it has ended. */
  async end(): Promise<void> {
    this.#controller.abort();
    await (this.#ending ??= this.#finish());
  }

  /** Ends it for a reason that the client is told. */
  stop(reason: ApiError): void {
    this.#stopped ??= reason;
    this.#controller.abort();
  }

  #count(): void {
    this.#last = performance.now();
    if (this.#tokens++ > 0) return;
    this.#first = this.#last;
    this.#init.metrics.firstToken.observe((this.#first - this.#init.start) / 1000);
  }

  async #finish(): Promise<void> {
    const { release, client, metrics } = this.#init;
    client.removeEventListener("abort", this.#onGone);
    try {
      await this.#pieces.return?.();
      const result = await this.#result;
      if (result.finishReason !== "aborted") this.#outcome = outcome(result);
      else if (this.#stopped === undefined) {
        this.#gone = true;
        metrics.abandoned.add(1);
      }
    } catch {
      // Whoever asked for the next piece was told.
    } finally {
      release();
      if (this.#tokens > 0) metrics.promptTokens.add(this.#init.prompt.length);
      metrics.completionTokens.add(this.#tokens);
      const seconds = (this.#last - this.#first) / 1000;
      if (this.#tokens > 1 && seconds > 0) metrics.tokensPerSecond.observe((this.#tokens - 1) / seconds);
    }
  }
}

function outcome({ finishReason, eosTokenId, stopText, promptTokens: prompt, tokens: { length: completion } }: GenerationResult): Outcome {
  return {
    finishReason: finishReason === "stop" || finishReason === "eos" ? "stop" : "length",
    stopReason: eosTokenId ?? stopText,
    usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
  };
}
