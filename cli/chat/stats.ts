import type { Chat } from "../../src/chat/chat.ts";
import type { ChatResult } from "../../src/chat/answer.ts";
import { number, percent, table } from "../format.ts";

/** What the answers of a conversation took. */
export class ChatStats {
  readonly #context: number;
  #answers = 0;
  #last: ChatResult | undefined;
  #completion = 0;
  #cached = 0;
  #prompt = 0;

  /** @param context tokens that the conversation may have */
  constructor(context: number) {
    this.#context = context;
  }

  add(result: ChatResult): void {
    this.#answers++;
    this.#last = result;
    this.#completion += result.usage.completionTokens;
    this.#prompt += result.usage.promptTokens;
    this.#cached += result.usage.cachedTokens;
  }

  describe(chat: Chat): string {
    const last = this.#last;
    const rows = [
      ["messages", number(chat.messages.length)],
      ["of these outgrew the context", number(chat.dropped)],
      ["answers", number(this.#answers)],
      ["tokens said", number(this.#completion)],
      ["tokens read", number(this.#prompt)],
      ["of these kept from earlier turns", number(this.#cached)],
    ];
    if (last !== undefined) {
      rows.push(
        ["context used, of " + number(this.#context), number(last.usage.totalTokens)],
        ["last answer, new tokens/s", number(last.decodeTokensPerSecond)],
        ["last answer, prompt tokens/s", number(last.prefillTokensPerSecond)],
      );
      if (last.tls !== null) rows.push(["last answer, experts skipped", percent(last.tls)]);
    }
    return table(rows);
  }
}
