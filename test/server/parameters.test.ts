import { describe, expect, it } from "vitest";
import { testServer, type ErrorBody } from "../helpers/server.ts";

const server = testServer();
const completion = { prompt: [1, 5], max_tokens: 3 };
const chat = { messages: [{ role: "user", content: "tom" }], max_tokens: 3 };

describe.each([["/v1/completions", completion], ["/v1/chat/completions", chat]])("%s", (path, base) => {
  it.each<[string, unknown]>([
    ["n", 2], ["n", 0], ["temperature", -0.1], ["temperature", 2.1], ["temperature", "hot"], ["top_p", 1.5], ["max_tokens", 0], ["max_tokens", 1.5], ["max_tokens", 513],
    ["seed", -1], ["seed", 1.5], ["seed", 2 ** 60], ["stop", [""]], ["stop", 3], ["stop", Array.from({ length: 65 }, () => "x")], ["stream", "yes"], ["stream_options", { include_usage: true }],
    ["presence_penalty", 0.5], ["frequency_penalty", -1], ["logit_bias", { 5: 1 }], ["top_k", -1], ["min_p", 2], ["repetition_penalty", 0], ["ignore_eos", 1],
    ["tools_", []], ["__proto__x", 1],
  ])("refuses %s %j and names it", async (param, value) => {
    const response = await server.post(path, { ...base, [param]: value });
    const { error } = (await response.json()) as ErrorBody;
    expect(response.status).toBe(400);
    expect(error.type).toBe("invalid_request_error");
    expect(error.param?.split(".")[0]).toBe(param);
    expect(error.message).not.toBe("");
  });

  it.each<[string, unknown]>([
    ["n", 1], ["temperature", 0], ["temperature", null], ["top_p", 1], ["seed", 0], ["seed", null], ["stop", null], ["stop", ["a", "b"]], ["stream", false], ["stream_options", null],
    ["presence_penalty", 0], ["frequency_penalty", null], ["logit_bias", {}], ["user", "me"], ["metadata", { a: "b" }], ["top_k", 5], ["min_p", 0.1], ["repetition_penalty", 1.1], ["ignore_eos", true],
    ["model", "fake"],
  ])("takes %s %j", async (param, value) => {
    const response = await server.post(path, { ...base, [param]: value });
    expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
  });

  it("refuses models that are not there", async () => {
    const response = await server.post(path, { ...base, model: "gpt" });
    expect([response.status, ((await response.json()) as ErrorBody).error]).toEqual([404, expect.objectContaining({ code: "model_not_found", param: "model" })]);
  });

  it.each<[string, RequestInit, number, string]>([
    ["no JSON", { body: "{" }, 400, "invalid_json"],
    ["no object", { body: "[1]" }, 400, "invalid_json"],
    ["no UTF-8", { body: Uint8Array.of(0x7b, 0xff, 0x7d) }, 400, "invalid_json"],
    ["no body", {}, 400, "invalid_json"],
    ["another type", { body: "{}", headers: { "content-type": "text/plain" } }, 415, "unsupported_media_type"],
    ["too much", { body: JSON.stringify({ ...base, user: "x".repeat(1 << 20) }) }, 413, "request_too_large"],
  ])("answers %s", async (_, init, status, code) => {
    const response = await server.fetch(new Request(`http://test${path}`, { method: "POST", headers: { "content-type": "application/json" }, ...init }));
    expect([response.status, ((await response.json()) as ErrorBody).error.code]).toEqual([status, code]);
  });

  it("stops reading a body that is too large, whatever length it was said to have", async () => {
    let given = 0;
    const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(1 << 16).fill(32, 0, (given += 1 << 16) && 1 << 16)) });
    const response = await server.fetch(new Request(`http://test${path}`, { method: "POST", headers: { "content-type": "application/json" }, body, duplex: "half" } as RequestInit));
    expect(response.status).toBe(413);
    expect(given).toBeLessThan(2 << 20);
  });
});

describe("/v1/completions", () => {
  it.each<[unknown]>([[undefined], [null], [3], [[]], [["a", "b"]], [[[1], [2]]], [[1, "a"]], [[1, 1e9]], [[-1]], [{}]])("refuses the prompt %j", async (prompt) => {
    const response = await server.post("/v1/completions", { ...completion, prompt });
    expect([response.status, ((await response.json()) as ErrorBody).error.param?.split(".")[0]]).toEqual([400, "prompt"]);
  });

  it.each<[unknown]>([["tom"], [["tom"]], [[1, 5]], [[[1, 5]]]])("takes the prompt %j", async (prompt) => {
    expect((await server.post("/v1/completions", { ...completion, prompt })).status).toBe(200);
  });

  it.each<[string, unknown]>([["logprobs", 6], ["logprobs", true], ["echo", true], ["best_of", 2], ["suffix", "x"], ["messages", []]])("refuses %s %j", async (param, value) => {
    const response = await server.post("/v1/completions", { ...completion, [param]: value });
    expect([response.status, ((await response.json()) as ErrorBody).error.param]).toEqual([400, param]);
  });

  it("gives 16 tokens when no number is asked for", async () => {
    const response = await server.post("/v1/completions", { prompt: [1], ignore_eos: true });
    expect(await response.json()).toMatchObject({ usage: { prompt_tokens: 1, completion_tokens: 16, total_tokens: 17 }, choices: [{ finish_reason: "length" }] });
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
    [undefined], [[]], ["hi"], [[{}]], [[{ role: "tool", content: "x" }]], [[{ role: "user" }]], [[{ role: "user", content: 3 }]], [[{ role: "user", content: null }]],
    [[{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }]], [[{ role: "assistant", content: "x", tool_calls: [{}] }]], [[{ role: "user", content: "x", extra: 1 }]],
  ])("refuses the messages %j", async (messages) => {
    const response = await server.post("/v1/chat/completions", { ...chat, messages });
    expect([response.status, ((await response.json()) as ErrorBody).error.param?.split(".")[0]]).toEqual([400, "messages"]);
  });

  it("takes parts of text, developers, names, and its own answers back", async () => {
    const first = (await (await server.post("/v1/chat/completions", chat)).json()) as { choices: { message: unknown }[] };
    const messages = [{ role: "developer", content: "x" }, { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }], name: "tom" }, first.choices[0]?.message, { role: "user", content: "c" }];
    expect((await server.post("/v1/chat/completions", { ...chat, messages })).status).toBe(200);
  });

  it.each<[string, unknown]>([
    ["logprobs", 3], ["top_logprobs", 5], ["tools", [{}]], ["tool_choice", "required"], ["response_format", { type: "json_object" }], ["modalities", ["audio"]], ["functions", [{}]],
    ["max_completion_tokens", 0], ["store", true], ["reasoning_effort", "high"], ["prompt", "x"],
  ])("refuses %s %j", async (param, value) => {
    const response = await server.post("/v1/chat/completions", { ...chat, [param]: value });
    expect([response.status, ((await response.json()) as ErrorBody).error.param]).toEqual([400, param]);
  });

  it.each<[string, unknown]>([["tools", []], ["tool_choice", "none"], ["response_format", { type: "text" }], ["modalities", ["text"]], ["store", false], ["logprobs", false], ["parallel_tool_calls", true]])("takes %s %j", async (param, value) => {
    expect((await server.post("/v1/chat/completions", { ...chat, [param]: value })).status).toBe(200);
  });

  it("gives max_completion_tokens, and all that fits when no number is asked for", async () => {
    const some = await server.post("/v1/chat/completions", { ...chat, max_tokens: undefined, max_completion_tokens: 2, ignore_eos: true });
    expect(await some.json()).toMatchObject({ usage: { completion_tokens: 2 } });
    const all = await server.post("/v1/chat/completions", { ...chat, max_tokens: undefined, ignore_eos: true });
    expect(await all.json()).toMatchObject({ usage: { prompt_tokens: 5, completion_tokens: 508 }, choices: [{ finish_reason: "length" }] });
  });

  it("says how long a conversation may be", async () => {
    const response = await server.post("/v1/chat/completions", { ...chat, messages: [{ role: "user", content: "a".repeat(600) }] });
    expect([response.status, ((await response.json()) as ErrorBody).error]).toEqual([400, expect.objectContaining({ code: "context_length_exceeded", param: "messages" })]);
  });
});
