import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadModel, listen, type Model } from "../../../host/node/index.ts";
import type { Listening } from "../../../src/host.ts";
import { createServer } from "../../../src/server/index.ts";
import { describeInstalled, installedPackage } from "../installed.ts";
import { MAX_TOKENS, PROMPTS } from "../prompts.ts";

// The part of the official client's types that is used here: it is installed beside these tests only.
interface Choice {
  readonly text: string;
  readonly finish_reason: string | null;
  readonly message: { readonly role: string; readonly content: string };
  readonly delta: { readonly content?: string };
  readonly logprobs: {
    readonly tokens?: readonly string[];
    readonly content?: readonly {
      readonly token: string;
      readonly logprob: number;
      readonly top_logprobs: readonly { readonly token: string }[];
    }[];
  } | null;
}
interface Completion extends AsyncIterable<Completion> {
  readonly choices: readonly Choice[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number } | null;
  readonly controller: AbortController;
}
type Create = (body: object, options?: { readonly signal?: AbortSignal }) => Promise<Completion>;
interface Client {
  readonly models: { list(): AsyncIterable<{ readonly id: string }>; retrieve(id: string): Promise<{ readonly id: string }> };
  readonly completions: { readonly create: Create };
  readonly chat: { readonly completions: { readonly create: Create } };
}
interface Package {
  readonly default: new (options: { readonly baseURL: string; readonly apiKey: string; readonly maxRetries: number }) => Client;
  readonly AuthenticationError: new () => Error;
  readonly BadRequestError: new () => Error;
  readonly NotFoundError: new () => Error;
  readonly RateLimitError: new () => Error;
  readonly APIUserAbortError: new () => Error;
}

const KEY = "sk-test";
const installed = installedPackage("openai");

describeInstalled("the official openai client", "openai", installed, () => {
  const [{ prompt, promptTokens, tokens, text }] = PROMPTS as [(typeof PROMPTS)[number]];
  let openai: Package;
  let client: Client;
  let model: Model;
  let listening: Listening;
  let baseURL: string;
  const idle = async (): Promise<void> => {
    const end = Date.now() + 3000;
    for (;;) {
      const { active } = (await (await fetch(`http://127.0.0.1:${listening.port}/healthz`)).json()) as { active: number };
      if (active === 0) return;
      if (Date.now() > end) throw new Error(`${active} requests still run`);
    }
  };

  beforeAll(async () => {
    openai = (await import(pathToFileURL(join(installed as string, "index.mjs")).href)) as Package;
    model = await loadModel(undefined, { tier: "simd" });
    listening = await listen(createServer(model, { apiKey: KEY, limits: { concurrency: 1, queue: 1 } }).fetch, {
      hostname: "127.0.0.1",
      port: 0,
    });
    baseURL = `http://127.0.0.1:${listening.port}/v1`;
    client = new openai.default({ baseURL, apiKey: KEY, maxRetries: 0 });
  });
  afterAll(async () => {
    await listening.close();
    model.dispose();
  });

  it("lists models", async () => {
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    expect(ids).toEqual(["blockffn-nano.q8"]);
    expect((await client.models.retrieve("blockffn-nano.q8")).id).toBe("blockffn-nano.q8");
    await expect(client.models.retrieve("none")).rejects.toBeInstanceOf(openai.NotFoundError);
  });

  const ask = { model: "blockffn-nano.q8", max_tokens: MAX_TOKENS, temperature: 0 };
  const usage = { prompt_tokens: promptTokens.length, completion_tokens: tokens.length, total_tokens: promptTokens.length + tokens.length };

  it("completes, from text and from tokens", async () => {
    for (const given of [prompt, promptTokens]) {
      const answer = await client.completions.create({ ...ask, prompt: given });
      expect(answer).toMatchObject({ choices: [{ text, finish_reason: "length" }], usage });
    }
  });

  it("streams completions", async () => {
    let said = "";
    let last: Completion["usage"];
    for await (const { choices, usage: told } of await client.completions.create({
      ...ask,
      prompt,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      said += choices[0]?.text ?? "";
      last = told;
    }
    expect([said, last]).toEqual([text, usage]);
  });

  it("chats, whole and streaming", async () => {
    const messages = [{ role: "user", content: prompt }];
    const answer = await client.chat.completions.create({ ...ask, messages });
    expect(answer).toMatchObject({ choices: [{ message: { role: "assistant", content: text }, finish_reason: "length" }], usage });
    const again = await client.chat.completions.create({
      ...ask,
      messages: [...messages, answer.choices[0]?.message, { role: "user", content: "Then" }],
      max_tokens: 4,
    });
    expect(again.choices[0]?.message.content).not.toBe("");
    let said = "";
    let reason: string | null = null;
    for await (const { choices } of await client.chat.completions.create({ ...ask, messages, stream: true })) {
      said += choices[0]?.delta.content ?? "";
      reason = choices[0]?.finish_reason ?? reason;
    }
    expect([said, reason]).toEqual([text, "length"]);
  });

  it("gets log-probabilities, seeds and stop texts", async () => {
    const whole = await client.completions.create({ ...ask, prompt, max_tokens: 4, logprobs: 2 });
    expect(whole.choices[0]?.logprobs?.tokens?.join("")).toBe(whole.choices[0]?.text);
    const chat = await client.chat.completions.create({
      ...ask,
      messages: [{ role: "user", content: prompt }],
      max_tokens: 4,
      logprobs: true,
      top_logprobs: 3,
    });
    const content = chat.choices[0]?.logprobs?.content ?? [];
    expect(content.map(({ token }) => token).join("")).toBe(chat.choices[0]?.message.content);
    // Greedy: the token itself is the likeliest.
    for (const { token, logprob, top_logprobs: top } of content) expect([top.length, top[0]?.token, logprob < 0]).toEqual([3, token, true]);
    const random = async (seed: number): Promise<string | undefined> =>
      (await client.completions.create({ ...ask, prompt, temperature: 1, top_p: 0.95, seed })).choices[0]?.text;
    expect(await random(3)).toBe(await random(3));
    expect(await random(4)).not.toBe(await random(3));
    expect((await client.completions.create({ ...ask, prompt, stop: " Lily" })).choices[0]).toMatchObject({
      text: text.slice(0, text.indexOf(" Lily")),
      finish_reason: "stop",
    });
  });

  it("aborts a request and a stream, and the server is free again", async () => {
    const long = { ...ask, prompt, max_tokens: 1000, ignore_eos: true };
    const controller = new AbortController();
    const whole = client.completions.create(long, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(whole).rejects.toBeInstanceOf(openai.APIUserAbortError);
    await idle();
    const stream = await client.completions.create({ ...long, stream: true });
    let chunks = 0;
    for await (const _chunk of stream) if (++chunks === 5) stream.controller.abort();
    await idle();
    expect(chunks).toBeLessThan(1000);
    for await (const _chunk of await client.completions.create({ ...long, stream: true })) break;
    await idle();
  });

  it("is told its errors by their types", async () => {
    const wrong = new openai.default({ baseURL, apiKey: "sk-wrong", maxRetries: 0 });
    await expect(wrong.completions.create({ ...ask, prompt })).rejects.toBeInstanceOf(openai.AuthenticationError);
    const bad = client.completions.create({ ...ask, prompt, n: 3 });
    await expect(bad).rejects.toBeInstanceOf(openai.BadRequestError);
    await expect(bad).rejects.toMatchObject({ status: 400, param: "n", type: "invalid_request_error" });
    await expect(client.completions.create({ ...ask, model: "gpt", prompt })).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
    const many = await Promise.allSettled(Array.from({ length: 4 }, () => client.completions.create({ ...ask, prompt, max_tokens: 500 })));
    const refused = many.flatMap((one) => (one.status === "rejected" ? [one.reason as Error & { headers: Headers }] : []));
    expect(refused).toHaveLength(2);
    for (const error of refused) {
      expect(error).toBeInstanceOf(openai.RateLimitError);
      expect(Number(error.headers.get("retry-after"))).toBeGreaterThan(0);
    }
  });

  it("waits as it is told when the server is full, and succeeds", async () => {
    const patient = new openai.default({ baseURL, apiKey: KEY, maxRetries: 5 });
    const all = await Promise.all(Array.from({ length: 4 }, () => patient.completions.create({ ...ask, prompt })));
    expect(all.map(({ choices }) => choices[0]?.text)).toEqual([text, text, text, text]);
  });
});
