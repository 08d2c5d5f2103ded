import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createChat, type Chat } from "../../src/chat/chat.ts";
import type { ChatOptions } from "../../src/chat/options.ts";
import { loadModel } from "../../src/load/load.ts";
import { Model } from "../../src/model.ts";
import { CHAT_CHECKPOINT, chatModelFile } from "../helpers/chat-model.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { testHost } from "../helpers/test-host.ts";

interface Golden {
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly greedy: readonly number[];
  readonly text: string;
}

const QUESTIONS = [
  "What is the capital of France?",
  "And of Italy?",
  "Name three colours.",
  "Which of them is the sky's?",
  "What is 2 + 3?",
  "Write one short sentence about a cat.",
  "Now about a dog.",
];
const CONTEXT = 288;
const CUT = 8;
const GREEDY: ChatOptions = { temperature: 0, repetitionPenalty: 1, maxTokens: 14, context: CONTEXT };

describeShared("the chat model", CHAT_CHECKPOINT, () => {
  let model: Model;
  beforeAll(async () => {
    model = new Model(await loadModel(testHost, await chatModelFile(), { tier: "simd" }));
  });
  afterAll(() => model?.dispose());

  it("says by chat what a float64 run says, from the same ids", async () => {
    const golden = JSON.parse(readFileSync(sharedPath(`${CHAT_CHECKPOINT}/golden.json`), "utf8")) as Golden[];
    for (const { prompt, ids, greedy, text } of golden) {
      const messages = [...prompt.matchAll(/<\|im_start\|>(system|user)\n([^]*?)<\|im_end\|>\n/g)].map(([, role, content]) => ({
        role: role!,
        content: content!,
      }));
      expect(model.renderChat(messages)).toBe(prompt);
      expect(model.countTokens(messages)).toBe(ids.length);
      const result = await model.chat(messages, { temperature: 0, repetitionPenalty: 1, maxTokens: greedy.length }).result();
      expect(result.tokens).toEqual(greedy);
      expect(result.text).toBe(text);
      expect(result.usage.promptTokens).toBe(ids.length);
    }
  });

  it("draws as its folder's generation_config.json says", () => {
    expect(model.generationDefaults).toEqual({ temperature: 0.2, topK: 50, topP: 0.9 });
  });

  // The same conversation for all: what fresh runs say is computed once.
  const fresh = new Map<string, Promise<readonly number[]>>();
  const anew = (chat: Chat): Promise<readonly number[]> => {
    const read = chat.messages.slice(chat.dropped, -1);
    const key = JSON.stringify(read);
    if (!fresh.has(key))
      fresh.set(
        key,
        model
          .chat(read, { ...GREEDY, speculate: "off" })
          .result()
          .then(({ tokens }) => tokens),
      );
    return fresh.get(key)!;
  };

  it.each(["off", "ngram", "eagle", "auto"] as const)(
    "talks twenty turns through two overflows, cut short once, as fresh runs do: %s",
    async (speculate) => {
      const chat = createChat(model, { ...GREEDY, speculate });
      let overflows = 0;
      let cached = 0;
      for (let turn = 0; turn < 20; turn++) {
        const question = QUESTIONS[turn % QUESTIONS.length]!;
        if (turn === CUT) {
          const controller = new AbortController();
          let said = 0;
          for await (const _piece of chat.send(question, { signal: controller.signal })) if (++said === 3) controller.abort();
          expect(said).toBe(3);
          continue;
        }
        const { tokens, dropped, usage } = await chat.send(question).result();
        expect(tokens, `turn ${turn}`).toEqual(await anew(chat));
        if (dropped > 0) overflows++;
        else if (turn > 0) cached += usage.cachedTokens / usage.promptTokens;
      }
      expect(overflows).toBeGreaterThanOrEqual(2);
      // Most of each prompt was there already.
      expect(cached / (19 - overflows)).toBeGreaterThan(0.6);
      chat.dispose();
    },
  );
});
