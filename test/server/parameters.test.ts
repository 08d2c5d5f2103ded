import { describe, expect, it } from "vitest";
import { testServer, type ErrorBody } from "../helpers/server.ts";

const server = testServer();
const completion = { prompt: [1, 5], max_tokens: 3 };
const chat = { messages: [{ role: "user", content: "tom" }], max_tokens: 3 };

describe.each([
  ["/v1/completions", completion],
  ["/v1/chat/completions", chat],
])("%s", (path, base) => {
  it.each<[string, unknown]>([
    ["n", 2],
    ["n", 0],
    ["temperature", -0.1],
    ["temperature", 2.1],
    ["temperature", "hot"],
    ["top_p", 1.5],
    ["max_tokens", 0],
    ["max_tokens", 1.5],
    ["max_tokens", 513],
    ["seed", 1.5],
    ["seed", -1e20],
    ["seed", 1e20],
    ["stop", [""]],
    ["stop", 3],
    ["stop", Array.from({ length: 65 }, () => "x")],
    ["stream", "yes"],
    ["stream_options", { include_usage: true }],
    ["presence_penalty", 0.5],
    ["frequency_penalty", -1],
    ["logit_bias", { 5: 1 }],
    ["top_k", -1],
    ["min_p", 2],
    ["repetition_penalty", 0],
    ["ignore_eos", 1],
    ["tools_", []],
    ["__proto__x", 1],
  ])("refuses %s %j and names it", async (param, value) => {
    const response = await server.post(path, { ...base, [param]: value });
    const { error } = (await response.json()) as ErrorBody;
    expect(response.status).toBe(400);
    expect(error.type).toBe("invalid_request_error");
    expect(error.param?.split(".")[0]).toBe(param);
    expect(error.message).not.toBe("");
  });

  it.each<[string, unknown]>([
    ["n", 1],
    ["temperature", 0],
    ["temperature", null],
    ["top_p", 1],
    ["seed", 0],
    ["seed", -1],
    ["seed", -(2 ** 63)],
    ["seed", 2 ** 64],
    ["stop", ["a", "b"]],
    ["stream", false],
    ["stream_options", {}],
    ["stream_options", { include_usage: false }],
    ["presence_penalty", 0],
    ["logit_bias", {}],
    ["user", "me"],
    ["metadata", { a: "b" }],
    ["top_k", 5],
    ["min_p", 0.1],
    ["repetition_penalty", 1.1],
    ["ignore_eos", true],
    ["model", "fake"],
    ["service_tier", "auto"],
    ["prompt_cache_key", "k"],
    ["safety_identifier", "me"],
  ])("takes %s %j", async (param, value) => {
    const response = await server.post(path, { ...base, [param]: value });
    expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
  });

  it.each([
    "model",
    "max_tokens",
    "temperature",
    "top_p",
    "stop",
    "seed",
    "stream",
    "stream_options",
    "top_k",
    "min_p",
    "repetition_penalty",
    "ignore_eos",
    "user",
    "metadata",
    "service_tier",
    "n",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "suffix",
    "echo",
    "best_of",
    "max_completion_tokens",
    "top_logprobs",
    "response_format",
    "modalities",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "parallel_tool_calls",
    "store",
    "reasoning_effort",
    "verbosity",
    "audio",
    "prediction",
    "web_search_options",
    "no_such_thing",
  ])("takes %s: null for not given", async (param) => {
    const response = await server.post(path, { ...base, ignore_eos: true, temperature: 0, [param]: null });
    expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
  });

  it("refuses a null where something is needed", async () => {
    for (const param of ["prompt", "messages"]) {
      if (!(param in base)) continue;
      const response = await server.post(path, { ...base, [param]: null });
      expect([response.status, ((await response.json()) as ErrorBody).error.param]).toEqual([400, param]);
    }
  });

  it("draws the same text for the same seed of 64 bits, and another for another", async () => {
    const text = async (seed: number): Promise<string> => {
      const response = await server.post(path, { ...base, max_tokens: 20, temperature: 2, ignore_eos: true, seed });
      return JSON.stringify(((await response.json()) as { choices: unknown }).choices);
    };
    const seeds = [0, -1, 7, -(2 ** 63), 2 ** 60, 2 ** 61, 9_007_199_254_740_991];
    const texts = await Promise.all(seeds.map(text));
    expect(await Promise.all(seeds.map(text))).toEqual(texts);
    expect(new Set(texts).size).toBe(seeds.length);
  });

  it("refuses models that are not there", async () => {
    const response = await server.post(path, { ...base, model: "gpt" });
    expect([response.status, ((await response.json()) as ErrorBody).error]).toEqual([
      404,
      expect.objectContaining({ code: "model_not_found", param: "model" }),
    ]);
  });

  it.each<[string, RequestInit, number, string]>([
    ["no JSON", { body: "{" }, 400, "invalid_json"],
    ["no object", { body: "[1]" }, 400, "invalid_json"],
    ["no UTF-8", { body: Uint8Array.of(0x7b, 0xff, 0x7d) }, 400, "invalid_json"],
    ["no body", {}, 400, "invalid_json"],
    ["another type", { body: "{}", headers: { "content-type": "text/plain" } }, 415, "unsupported_media_type"],
    [
      "a compressed body",
      { body: "{}", headers: { "content-type": "application/json", "content-encoding": "gzip" } },
      415,
      "unsupported_content_encoding",
    ],
    ["too much", { body: JSON.stringify({ ...base, user: "x".repeat(1 << 20) }) }, 413, "request_too_large"],
  ])("answers %s", async (_, init, status, code) => {
    const response = await server.fetch(
      new Request(`http://test${path}`, { method: "POST", headers: { "content-type": "application/json" }, ...init }),
    );
    expect([response.status, ((await response.json()) as ErrorBody).error.code]).toEqual([status, code]);
  });

  it("stops reading a body that is too large, whatever length it was said to have", async () => {
    let given = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1 << 16).fill(32, 0, (given += 1 << 16) && 1 << 16)),
    });
    const response = await server.fetch(
      new Request(`http://test${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        duplex: "half",
      } as RequestInit),
    );
    expect(response.status).toBe(413);
    expect(given).toBeLessThan(2 << 20);
  });
});

describe("/v1/completions", () => {
  it.each<[unknown]>([[undefined], [null], [3], [[]], [["a", "b"]], [[[1], [2]]], [[1, "a"]], [[1, 1e9]], [[-1]], [{}]])(
    "refuses the prompt %j",
    async (prompt) => {
      const response = await server.post("/v1/completions", { ...completion, prompt });
      expect([response.status, ((await response.json()) as ErrorBody).error.param?.split(".")[0]]).toEqual([400, "prompt"]);
    },
  );

  it.each<[unknown]>([["tom"], [["tom"]], [[1, 5]], [[[1, 5]]]])("takes the prompt %j", async (prompt) => {
    expect((await server.post("/v1/completions", { ...completion, prompt })).status).toBe(200);
  });

  it.each<[string, unknown]>([
    ["logprobs", 6],
    ["logprobs", true],
    ["echo", true],
    ["best_of", 2],
    ["suffix", "x"],
    ["messages", []],
    ["max_completion_tokens", 3],
    ["store", false],
  ])("refuses %s %j", async (param, value) => {
    const response = await server.post("/v1/completions", { ...completion, [param]: value });
    expect([response.status, ((await response.json()) as ErrorBody).error.param]).toEqual([400, param]);
  });

  it("gives 16 tokens when no number is asked for", async () => {
    const response = await server.post("/v1/completions", { prompt: [1], ignore_eos: true });
    expect(await response.json()).toMatchObject({
      usage: { prompt_tokens: 1, completion_tokens: 16, total_tokens: 17 },
      choices: [{ finish_reason: "length" }],
    });
  });

  it.each(["a ".repeat(400), "a".repeat(500_000)])("says how long a prompt may be", async (prompt) => {
    const response = await server.post("/v1/completions", { prompt });
    const { error } = (await response.json()) as ErrorBody;
    expect([response.status, error.code, error.param]).toEqual([400, "context_length_exceeded", "prompt"]);
    expect(error.message).toMatch(/at most 512 tokens/);
  });
});

describe("/v1/chat/completions", () => {
  it.each<[unknown]>([
    [undefined],
    [[]],
    ["hi"],
    [[{}]],
    [[{ role: "tool", content: "x" }]],
    [[{ role: "user" }]],
    [[{ role: "user", content: 3 }]],
    [[{ role: "user", content: null }]],
    [[{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }]],
    [[{ role: "assistant", content: "x", tool_calls: [{}] }]],
    [[{ role: "user", content: "x", extra: 1 }]],
  ])("refuses the messages %j", async (messages) => {
    const response = await server.post("/v1/chat/completions", { ...chat, messages });
    expect([response.status, ((await response.json()) as ErrorBody).error.param?.split(".")[0]]).toEqual([400, "messages"]);
  });

  it("names the field of a message that there is not", async () => {
    const response = await server.post("/v1/chat/completions", {
      ...chat,
      messages: [
        { role: "user", content: "x" },
        { role: "user", content: [{ type: "text", text: "x", id: 3 }] },
        { role: "user", content: "x", id: "m1" },
      ],
    });
    const { error } = (await response.json()) as ErrorBody;
    expect([response.status, error.param?.split(".")[0]]).toEqual([400, "messages"]);
    const named = await server.post("/v1/chat/completions", { ...chat, messages: [{ role: "user", content: "x", id: "m1" }] });
    expect([named.status, ((await named.json()) as ErrorBody).error]).toEqual([
      400,
      expect.objectContaining({
        param: "messages.0.id",
        code: "unknown_parameter",
        message: expect.stringContaining("no such parameter") as string,
      }),
    ]);
  });

  it("takes parts of text, developers, names, and its own answers back", async () => {
    const first = (await (await server.post("/v1/chat/completions", chat)).json()) as { choices: { message: unknown }[] };
    const messages = [
      { role: "developer", content: "x" },
      {
        role: "user",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
        name: "tom",
      },
      first.choices[0]?.message,
      { role: "user", content: "c" },
    ];
    expect((await server.post("/v1/chat/completions", { ...chat, messages })).status).toBe(200);
  });

  it.each<[string, unknown]>([
    ["logprobs", 3],
    ["top_logprobs", 5],
    ["tools", [{}]],
    ["tool_choice", "required"],
    ["response_format", { type: "json_object" }],
    ["modalities", ["audio"]],
    ["functions", [{}]],
    ["max_completion_tokens", 0],
    ["store", true],
    ["prompt", "x"],
    ["max_completion_tokens", 513],
    ["reasoning_effort", "much"],
    ["reasoning_effort", 3],
    ["verbosity", "low"],
    ["audio", { voice: "ash" }],
    ["web_search_options", {}],
    ["prediction", { type: "content", content: "x" }],
    ["parallel_tool_calls", 1],
  ])("refuses %s %j", async (param, value) => {
    const response = await server.post("/v1/chat/completions", { ...chat, [param]: value });
    expect([response.status, ((await response.json()) as ErrorBody).error.param]).toEqual([400, param]);
  });

  it.each<[string, unknown]>([
    ["tools", []],
    ["tool_choice", "none"],
    ["response_format", { type: "text" }],
    ["modalities", ["text"]],
    ["store", false],
    ["logprobs", false],
    ["top_logprobs", 0],
    ["parallel_tool_calls", true],
    ["parallel_tool_calls", false],
    ["reasoning_effort", "none"],
    ["reasoning_effort", "high"],
    ["verbosity", "medium"],
    ["max_completion_tokens", 3],
  ])("takes %s %j", async (param, value) => {
    expect((await server.post("/v1/chat/completions", { ...chat, [param]: value })).status).toBe(200);
  });

  it("takes nulls in messages and their parts, and an answer without text", async () => {
    const messages = [
      { role: "user", content: "a", name: null },
      { role: "assistant", content: null, refusal: null, audio: null, function_call: null, tool_calls: null, annotations: null },
      { role: "user", content: [{ type: "text", text: "b", cache: null }] },
      { role: "assistant" },
      { role: "user", content: "c" },
    ];
    const response = await server.post("/v1/chat/completions", { ...chat, messages });
    expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
    for (const role of ["user", "system"]) {
      const without = await server.post("/v1/chat/completions", { ...chat, messages: [{ role, content: null }] });
      expect([without.status, ((await without.json()) as ErrorBody).error.param]).toEqual([400, "messages.0.content"]);
    }
  });

  it("names the parameter for the number of tokens that was sent", async () => {
    for (const param of ["max_tokens", "max_completion_tokens"]) {
      const response = await server.post("/v1/chat/completions", { messages: chat.messages, [param]: 100_000 });
      const { error } = (await response.json()) as ErrorBody;
      expect([response.status, error.param]).toEqual([400, param]);
      expect(error.message).toContain(`${param} is 100000`);
    }
  });

  it("gives max_completion_tokens, and all that fits when no number is asked for", async () => {
    const some = await server.post("/v1/chat/completions", { ...chat, max_tokens: undefined, max_completion_tokens: 2, ignore_eos: true });
    expect(await some.json()).toMatchObject({ usage: { completion_tokens: 2 } });
    const all = await server.post("/v1/chat/completions", { ...chat, max_tokens: undefined, ignore_eos: true });
    expect(await all.json()).toMatchObject({ usage: { prompt_tokens: 5, completion_tokens: 508 }, choices: [{ finish_reason: "length" }] });
  });

  it("says how long a conversation may be", async () => {
    const response = await server.post("/v1/chat/completions", { ...chat, messages: [{ role: "user", content: "a".repeat(600) }] });
    expect([response.status, ((await response.json()) as ErrorBody).error]).toEqual([
      400,
      expect.objectContaining({ code: "context_length_exceeded", param: "messages" }),
    ]);
  });
});
