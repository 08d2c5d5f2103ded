import { afterEach, describe, expect, it, vi } from "vitest";
import { loadModel } from "../../host/node/index.ts";
import { createServer } from "../../src/server/index.ts";
import { BpeTokenizer } from "../../src/text/bpe-tokenizer.ts";
import { settle, testServer, type ErrorBody } from "../helpers/server.ts";

const asked = { prompt: "tom", max_tokens: 2, ignore_eos: true };
afterEach(() => vi.restoreAllMocks());

/** Encoding that waits until it is told to go on, or its signal ends it. */
function held(): { readonly go: () => void; readonly calls: () => number } {
  let go!: () => void;
  const gate = new Promise<void>((resolve) => (go = resolve));
  const spy = vi.spyOn(BpeTokenizer.prototype, "encodeWithin").mockImplementation(async (_text, _limit, { signal } = {}) => {
    await Promise.race([gate, new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error)))]);
    return Uint32Array.of(1, 5);
  });
  return { go, calls: () => spy.mock.calls.length };
}

describe("encoding a prompt", () => {
  it("takes a slot: others wait in the queue, or are refused when it is full, and nobody is encoded before his turn", async () => {
    const server = testServer({ limits: { concurrency: 1, queue: 1 } });
    const { go, calls } = held();
    const [first, second, third] = [1, 2, 3].map(() => server.post("/v1/completions", asked));
    expect((await third)?.status).toBe(429);
    expect(calls()).toBe(1);
    expect(await (await server.get("/healthz")).json()).toEqual({ status: "ok", active: 1, waiting: 1 });
    go();
    expect([(await first)?.status, (await second)?.status, calls()]).toEqual([200, 200, 2]);
  });

  it("ends when its client goes away, and gives the slot back", async () => {
    const server = testServer({ limits: { concurrency: 1, queue: 0 } });
    const { calls } = held();
    const client = new AbortController();
    const answer = server.post("/v1/chat/completions", { messages: [{ role: "user", content: "tom" }] }, { signal: client.signal });
    while (calls() === 0) await settle(1);
    client.abort();
    expect((await answer).status).toBe(499);
    expect(await (await server.get("/healthz")).json()).toEqual({ status: "ok", active: 0, waiting: 0 });
    expect(server.fake.chunks).toEqual([]);
  });

  it("that fails inside is the server's fault", async () => {
    const server = testServer();
    vi.spyOn(BpeTokenizer.prototype, "encodeWithin").mockRejectedValue(new Error("secret detail"));
    const response = await server.post("/v1/completions", asked);
    expect([response.status, (await response.text()).includes("secret")]).toEqual([500, false]);
    expect(await (await server.get("/healthz")).json()).toEqual({ status: "ok", active: 0, waiting: 0 });
  });

  it.each(["/v1/completions", "/v1/chat/completions"])(
    "of many prompts that are too long (%s): each is refused, as too long or because there are too many",
    async (path) => {
      using model = await loadModel(undefined, { tier: "simd" });
      const server = createServer(model, { limits: { concurrency: 2, queue: 4 } });
      // As long as a text may be that its length alone does not refuse.
      const fits = (n: number): boolean => (model.tokenizer?.leastTokens("the".repeat(n)) ?? 0) <= model.config.contextLength;
      let n = 17_700;
      while (!fits(n)) n -= 100;
      const text = "the".repeat(n);
      const body = JSON.stringify(path.includes("chat") ? { messages: [{ role: "user", content: text }] } : { prompt: text });
      const post = (): Promise<Response> =>
        server.fetch(new Request(`http://test${path}`, { method: "POST", headers: { "content-type": "application/json" }, body }));
      const answers = await Promise.all(Array.from({ length: 16 }, post));
      const codes = await Promise.all(answers.map(async (answer) => [answer.status, ((await answer.json()) as ErrorBody).error.code]));
      expect(codes.filter(([status]) => status === 400)).toEqual(Array.from({ length: 6 }, () => [400, "context_length_exceeded"]));
      expect(codes.filter(([status]) => status !== 400)).toEqual(Array.from({ length: 10 }, () => [429, "queue_full"]));
    },
  );
});
