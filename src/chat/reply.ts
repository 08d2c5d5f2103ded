import type { Piece } from "../decode/generation.ts";
import type { ChatResult } from "./answer.ts";
import type { ChatStream } from "./backend.ts";

/** What a reply does to its conversation. */
export interface ReplyHooks {
  /** Called when it is first asked for. */
  readonly start: () => ChatStream;
  /** Called once, at its end; without a result where it failed. */
  readonly ended: (result: ChatResult | undefined) => void;
}

/** An answer that begins when it is first asked for, and tells its conversation how it ended, whoever asks for what. */
export class ChatReply implements ChatStream {
  readonly #hooks: ReplyHooks;
  #stream: ChatStream | undefined;
  #settled: Promise<ChatResult> | undefined;

  constructor(hooks: ReplyHooks) {
    this.#hooks = hooks;
  }

  [Symbol.asyncIterator](): AsyncIterator<Piece, void, void> {
    let pieces: AsyncIterator<Piece> | undefined;
    const end = (): Promise<unknown> => (this.#settled ??= this.#settle()).catch(() => undefined);
    return {
      next: async () => {
        try {
          pieces ??= this.#started()[Symbol.asyncIterator]();
          const { done, value } = await pieces.next();
          if (done !== true) return { done: false, value };
        } catch (error) {
          // One that could not even begin is no answer of the conversation's.
          if (pieces !== undefined) await end();
          throw error;
        }
        await end();
        return { done: true, value: undefined };
      },
      return: async () => {
        // Nobody has asked for anything: it has not begun.
        if (pieces === undefined) return { done: true, value: undefined };
        await pieces.return?.();
        await end();
        return { done: true, value: undefined };
      },
    };
  }

  async result(): Promise<ChatResult> {
    this.#started();
    return (this.#settled ??= this.#settle());
  }

  #started(): ChatStream {
    return (this.#stream ??= this.#hooks.start());
  }

  async #settle(): Promise<ChatResult> {
    let result: ChatResult | undefined;
    try {
      result = await this.#stream!.result();
      return result;
    } finally {
      this.#hooks.ended(result);
    }
  }
}
