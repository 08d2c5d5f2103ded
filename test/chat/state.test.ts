import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createChat, type Chat } from "../../src/chat/chat.ts";
import type { ChatResult } from "../../src/chat/answer.ts";
import type { ChatMessage } from "../../src/chat/messages.ts";
import type { ChatOptions } from "../../src/chat/options.ts";
import type { Speculate } from "../../src/decode/options.ts";
import type { Model } from "../../src/model.ts";
import { tinyChatModel } from "../helpers/tiny-chat.ts";

// What a chat says is what a run says that computes everything anew: the same conversation, without what was dropped, asked for by itself.
const KINDS = ["block", "mla", "llama", "moe", "deco"] as const;
const WAYS: readonly Speculate[] = ["off", "ngram", "eagle", "model", "auto"];
const CONTEXT = 256;
const GREEDY: ChatOptions = { temperature: 0, maxTokens: 10, ignoreEos: true };

/** What the model reads of a chat. */
function read({ messages, dropped }: Chat): ChatMessage[] {
  const system = messages[0]?.role === "system" ? 1 : 0;
  return [...messages.slice(0, system), ...messages.slice(system + dropped)];
}

/** The answer to the last question, by a run of its own. */
async function anew(model: Model, chat: Chat, options: ChatOptions): Promise<ChatResult> {
  return model.chat(read(chat).slice(0, -1), { ...options, speculate: "off" }).result();
}

describe.each(KINDS)("a conversation with a tiny model, %s", (kind) => {
  let model: Model;
  let small: Model;
  beforeAll(async () => {
    model = await tinyChatModel({ kind, contextLength: CONTEXT });
    small = await tinyChatModel({ kind: "llama", contextLength: CONTEXT });
  });
  afterAll(() => {
    model.dispose();
    small.dispose();
  });

  it.each(WAYS)("of twenty turns that outgrows its context twice, with one cut short, is that of fresh runs: %s", async (speculate) => {
    const options: ChatOptions = { ...GREEDY, speculate, ...(speculate === "model" ? { draftModel: small } : {}) };
    const chat = createChat(model, { system: "be kind.", ...options });
    let overflows = 0;
    let kept = 0;
    for (let turn = 0; turn < 20; turn++) {
      const question = `question ${turn}, what ${"is ".repeat(turn % 4)}it`;
      if (turn === 9) {
        const controller = new AbortController();
        const cut: number[] = [];
        for await (const { id } of chat.send(question, { signal: controller.signal })) {
          cut.push(id);
          if (cut.length === 4) controller.abort();
        }
        const whole = await model.chat(read(chat).slice(0, -1), { ...GREEDY, speculate: "off" }).result();
        expect(cut).toEqual(whole.tokens.slice(0, cut.length));
        expect(cut.length).toBeLessThan(10);
        continue;
      }
      const result = await chat.send(question).result();
      const fresh = await anew(model, chat, options);
      expect(result.tokens, `turn ${turn}`).toEqual(fresh.tokens);
      expect(result.text).toBe(fresh.text);
      expect(result.usage).toMatchObject({ promptTokens: fresh.usage.promptTokens, completionTokens: 10 });
      expect(fresh.usage.cachedTokens).toBe(0);
      if (result.dropped > 0) overflows++;
      else if (turn > 0) {
        // All that was said before but what the last answer's end may be written as.
        expect(result.usage.cachedTokens).toBeGreaterThan(20);
        kept++;
      }
    }
    expect(overflows).toBeGreaterThanOrEqual(2);
    expect(kept).toBeGreaterThan(8);
    expect(chat.messages).toHaveLength(41);
    chat.dispose();
  });

  it("goes on after an answer that was left early, one that was cancelled before it began, and one that was cancelled while it read", async () => {
    const chat = createChat(model, GREEDY);
    await chat.send("hi").result();
    for await (const { text } of chat.send("and then")) if (text !== "") break;
    expect(chat.messages).toHaveLength(4);
    const aborted = AbortSignal.abort();
    expect((await chat.send("not this", { signal: aborted }).result()).finishReason).toBe("aborted");
    expect(chat.messages).toHaveLength(4);
    const controller = new AbortController();
    const reading = chat.send("a long one ".repeat(9), { signal: controller.signal });
    const result = reading.result();
    queueMicrotask(() => controller.abort());
    expect((await result).tokens.length).toBeLessThan(10);
    const last = await chat.send("go on").result();
    expect(last.tokens).toEqual((await anew(model, chat, GREEDY)).tokens);
    chat.dispose();
  });
});
