import type { Generation, GenerationResult, GenerationRun, Piece } from "../decode/generation.ts";
import { DeferredRun } from "../decode/plain/deferred-run.ts";
import type { ChatMessage } from "./messages.ts";

/** Tokens of an answer. */
export interface ChatUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  /** Those of the prompt whose state was kept from earlier turns, and not computed again. */
  readonly cachedTokens: number;
}

export interface ChatResult extends GenerationResult {
  /** The answer as a message of the conversation. */
  readonly message: ChatMessage;
  readonly usage: ChatUsage;
  /** Turns that were left out for this answer, because the conversation outgrew the context. */
  readonly dropped: number;
}

/** An answer that comes piece by piece. */
export type ChatGeneration = Generation<ChatResult>;

/** What is known of an answer once its prompt is encoded. */
export interface Prepared {
  readonly run: GenerationRun;
  readonly dropped: number;
}

/** A run whose prompt is a conversation, which is encoded when the first piece is asked for. */
export class ChatRun implements GenerationRun<ChatResult> {
  readonly #run: DeferredRun;
  readonly #reused: () => number;
  #dropped = 0;

  /**
   * @param prepare gives the run; undefined when it was cancelled before there is one
   * @param reused tokens of the prompt that were there already
   */
  constructor(prepare: () => Promise<Prepared | undefined>, seed: number, reused: () => number) {
    this.#reused = reused;
    this.#run = new DeferredRun(async () => {
      const prepared = await prepare();
      this.#dropped = prepared?.dropped ?? 0;
      return prepared?.run;
    }, seed);
  }

  reserve(): void {
    this.#run.reserve();
  }

  pieces(): AsyncGenerator<Piece, void, void> {
    return this.#run.pieces();
  }

  finish(failed = false): ChatResult {
    const result = this.#run.finish(failed);
    const { promptTokens, tokens, text } = result;
    return {
      ...result,
      message: { role: "assistant", content: text },
      usage: {
        promptTokens,
        completionTokens: tokens.length,
        totalTokens: promptTokens + tokens.length,
        cachedTokens: promptTokens === 0 ? 0 : this.#reused(),
      },
      dropped: this.#dropped,
    };
  }
}
