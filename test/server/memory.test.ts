import { afterEach, beforeAll, expect, it } from "vitest";
import { DEFAULT_MODEL } from "../../host/node/package.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { MemoryError } from "../../src/errors.ts";
import { loadModel } from "../../src/load/load.ts";
import { Model } from "../../src/model.ts";
import { createServer, type RequestLog, type ServerOptions } from "../../src/server/index.ts";
import { memoryBytes, memoryHost } from "../helpers/restless.ts";
import { events, type ErrorBody } from "../helpers/server.ts";

// A server over the default model whose memory ends shortly behind it.
const PAGE = 65536;
let pages: number;
let model: ModelInstance;
beforeAll(async () => {
  const free = await loadModel(memoryHost({}), DEFAULT_MODEL, { tier: "simd" });
  pages = memoryBytes(free) / PAGE;
  free.dispose();
});
afterEach(() => model.dispose());

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

interface Tried {
  readonly chat: (body: object) => Promise<Response>;
  readonly post: (body: object) => Promise<Response>;
  readonly get: (path: string) => Promise<Response>;
  readonly log: RequestLog[];
}

const HEADERS = { "content-type": "application/json" };

/** @param room pages behind the model */
async function serverWith(room: number, options: ServerOptions = {}): Promise<Tried> {
  model = await loadModel(memoryHost({ maximumPages: pages + room }), DEFAULT_MODEL, { tier: "simd" });
  const log: RequestLog[] = [];
  const server = createServer(new Model(model), { speculation: { speculate: "off" }, onRequest: (entry) => log.push(entry), ...options });
  const to =
    (path: string) =>
    (body: object): Promise<Response> =>
      server.fetch(new Request(`http://test${path}`, { method: "POST", headers: HEADERS, body: JSON.stringify(body) }));
  return {
    post: to("/v1/completions"),
    chat: to("/v1/chat/completions"),
    get: (path) => server.fetch(new Request(`http://test${path}`)),
    log,
  };
}

const SMALL = { prompt: "Once upon a time", max_tokens: 12, temperature: 0 };
const LARGE = { prompt: "Once upon a time", max_tokens: 900, temperature: 0, ignore_eos: true };
const TEXT = ", there was a little girl named Lily.";

async function tooLarge(response: Response, param: string, most: number): Promise<void> {
  expect([response.status, response.headers.get("retry-after")]).toEqual([400, null]);
  const { error } = (await response.json()) as ErrorBody;
  expect(error).toMatchObject({ type: "invalid_request_error", code: "request_too_large", param });
  expect(error.message).toContain(`at most ${most},`);
}

async function refused(response: Response): Promise<void> {
  const { status, headers } = response;
  expect([status, headers.get("retry-after"), headers.get("content-type")]).toEqual([503, "5", "application/json"]);
  const { error } = (await response.json()) as ErrorBody;
  expect(error).toMatchObject({ type: "server_error", code: "out_of_memory" });
  expect(error.message).toContain("fewer tokens");
}

async function answered(response: Response): Promise<void> {
  expect(response.status).toBe(200);
  const { choices } = (await response.json()) as { choices: { text: string }[] };
  expect(choices[0]?.text.startsWith(TEXT), choices[0]?.text).toBe(true);
}

it("answers 400 to what is too large for an idle server, whole and streaming, and the next request as ever", async () => {
  const { post, get, log } = await serverWith(12);
  const { used } = model.arena;
  const most = model.mostTokens;
  await answered(await post(SMALL));
  for (const stream of [false, true, true, false]) {
    await tooLarge(await post({ ...LARGE, stream }), "max_tokens", most);
    expect(model.arena.used).toBe(used);
    await answered(await post(SMALL));
    const said = await events<{ choices: { text: string }[] }>(await post({ ...SMALL, stream: true }));
    expect(
      said
        .map((event) => (event === "[DONE]" ? "" : event.choices[0]!.text))
        .join("")
        .startsWith(TEXT),
    ).toBe(true);
  }
  expect(await (await get("/healthz")).json()).toEqual({ status: "ok", active: 0, waiting: 0 });
  expect(log.filter(({ status }) => status === 400)).toHaveLength(4);
  expect(await (await get("/metrics")).text()).toMatch(/blockffn_requests_total\{[^}]*status="400"\} 4\n/);
  // What is named as the limit is one: that much is answered, and one token more is not.
  const prompt = [1, 403, 298];
  const ask = { prompt, temperature: 0, ignore_eos: true, max_tokens: most - prompt.length + 1 };
  expect((await post(ask)).status).toBe(200);
  await tooLarge(await post({ ...ask, max_tokens: ask.max_tokens + 1 }), "max_tokens", most);
  // No shorter answer helps where the prompt alone is too long.
  await tooLarge(await post({ prompt: new Array(most + 1).fill(5), max_tokens: 1 }), "prompt", most);
});

it("what asks for no number gets what there can be memory for", async () => {
  const { post, chat } = await serverWith(12);
  const most = model.mostTokens;
  const whole = async (response: Response): Promise<Usage> => ((await response.json()) as { usage: Usage }).usage;
  const { prompt_tokens: prompt, completion_tokens: completion } = await whole(
    await chat({ messages: [{ role: "user", content: "Once upon a time" }], temperature: 0, ignore_eos: true }),
  );
  expect(prompt + completion - 1).toBe(most);
  await tooLarge(await chat({ messages: [{ role: "user", content: "one two ".repeat(most) }] }), "messages", most);
  expect((await post(SMALL)).status).toBe(200);
});

it("what could never be had is answered 400 while others run too; 503 is for what may be had later", async () => {
  const { post, log } = await serverWith(100, { limits: { concurrency: 3 } });
  const most = model.mostTokens;
  const [first, second, third] = await Promise.all([
    post({ ...LARGE, max_tokens: 600, stream: true }),
    post({ ...LARGE, max_tokens: 600, stream: true }),
    post({ ...LARGE, max_tokens: 1000, stream: true }),
  ]);
  expect(first.status).toBe(200);
  await refused(second);
  await tooLarge(third, "max_tokens", most);
  await first.text();
  expect(log.filter(({ status }) => status === 503).every(({ error }) => error instanceof MemoryError)).toBe(true);
});

it("a drafter that has memory for short answers alone makes long ones too large, by name", async () => {
  const { post } = await serverWith(140, { speculation: { speculate: "eagle" } });
  await answered(await post(SMALL));
  const response = await post({ ...LARGE, max_tokens: 780 });
  expect([response.status, response.headers.get("retry-after")]).toEqual([400, null]);
  expect(((await response.json()) as ErrorBody).error).toMatchObject({ param: "max_tokens", code: "request_too_large" });
  await answered(await post(SMALL));
});

it("answers 503 when only the drafter finds none", async () => {
  const { post } = await serverWith(12, { speculation: { speculate: "eagle" } });
  const { used } = model.arena;
  await refused(await post(SMALL));
  await refused(await post({ ...SMALL, stream: true }));
  expect(model.arena.used).toBe(used);
  // Log-probabilities are decoded plainly.
  await answered(await post({ ...SMALL, logprobs: 1 }));
});

it("of two requests for which there is memory for one, answers one; then the other", async () => {
  const { post, get } = await serverWith(140);
  const { used } = model.arena;
  const both = await Promise.all([post({ ...LARGE, max_tokens: 600, stream: true }), post({ ...LARGE, max_tokens: 600, stream: true })]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 503]);
  await refused(both.find(({ status }) => status === 503)!);
  expect((await events(both.find(({ status }) => status === 200)!)).at(-1)).toBe("[DONE]");
  await answered(await post({ ...LARGE, max_tokens: 600 }));
  expect(model.arena.used).toBe(used);
  expect(await (await get("/healthz")).json()).toEqual({ status: "ok", active: 0, waiting: 0 });
});
