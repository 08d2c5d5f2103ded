import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChatOptions } from "../../src/chat/options.ts";
import type { Model } from "../../src/model.ts";
import { createServer } from "../../src/server/index.ts";
import { tinyChatModel } from "../helpers/tiny-chat.ts";

const GENERATION = { do_sample: true, temperature: 0.4, top_p: 0.8, min_p: 0.02, repetition_penalty: 1.3, max_new_tokens: 9 };
const messages = [{ role: "user", content: "hi" }];

interface Answer {
  readonly choices: readonly { readonly message: { readonly content: string }; readonly text: string }[];
  readonly usage: { readonly completion_tokens: number };
}

describe("what a request does not say", () => {
  let said: Model;
  let silent: Model;
  beforeAll(async () => {
    [said, silent] = await Promise.all([tinyChatModel({ generation: GENERATION }), tinyChatModel()]);
  });
  afterAll(() => [said, silent].forEach((model) => model.dispose()));
  const ask = async (model: Model, path: string, body: object): Promise<Answer> => {
    const request = new Request(`http://test${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ignore_eos: true, seed: 3, ...body }),
    });
    const response = await createServer(model).fetch(request);
    expect(response.status).toBe(200);
    return (await response.json()) as Answer;
  };
  const chat = async (model: Model, body: object = {}): Promise<[string, number]> => {
    const { choices, usage } = await ask(model, "/v1/chat/completions", { messages, ...body });
    return [choices[0]!.message.content, usage.completion_tokens];
  };
  const library = async (model: Model, options: ChatOptions): Promise<[string, number]> => {
    const { text, tokens } = await model.chat(messages, { ignoreEos: true, seed: 3, ...options }).result();
    return [text, tokens.length];
  };

  it("of a chat is as generation_config.json has it, as in the library", async () => {
    expect(await chat(said)).toEqual(await library(said, {}));
    expect((await chat(said))[1]).toBe(9);
    expect(await chat(said, { temperature: 0 })).toEqual(await library(said, { temperature: 0 }));
    expect(await chat(said, { repetition_penalty: 1, max_tokens: 20 })).toEqual(
      await library(said, { repetitionPenalty: 1, maxTokens: 20 }),
    );
  });

  it("of a chat with a model that does not say is OpenAI's, with a penalty on repetition", async () => {
    const { repetitionPenalty } = {
      repetitionPenalty: undefined,
      ...(await import("../../src/chat/defaults.ts")).chatDefaults(silent.loaded),
    };
    expect(repetitionPenalty).toBeGreaterThan(1);
    expect(await chat(silent, { max_tokens: 12 })).toEqual(await library(silent, { temperature: 1, maxTokens: 12 }));
  });

  it("of a completion is OpenAI's, whatever the model says", async () => {
    const { choices, usage } = await ask(said, "/v1/completions", { prompt: "hi" });
    const { text } = await said.generate("hi", { temperature: 1, seed: 3, maxTokens: 16, ignoreEos: true }).result();
    expect([choices[0]!.text, usage.completion_tokens]).toEqual([text, 16]);
  });
});
