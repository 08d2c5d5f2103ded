import fc from "fast-check";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { listen, loadModel } from "../../host/node/index.ts";
import { createServer, type Server, type ServerLimits } from "../../src/server/index.ts";
import type { Model } from "../../src/model/model.ts";
import type { Engine } from "../../src/model/engine.ts";
import { PROMPTS } from "../runtime/prompts.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function withServer(limits: ServerLimits, use: (address: string, model: Model, server: Server) => Promise<void>): Promise<void> {
  using model = await loadModel(undefined, { tier: "simd" });
  const server = createServer(model, { limits });
  const listening = await listen(server.fetch, { hostname: "127.0.0.1", port: 0 });
  try {
    await use(`http://127.0.0.1:${listening.port}`, model, server);
  } finally {
    await listening.close();
  }
}

const post = (address: string, body: BodyInit, headers: Record<string, string> = { "content-type": "application/json" }): Promise<Response> =>
  fetch(`${address}/v1/completions`, { method: "POST", headers, body });

describe("under load", () => {
  it("200 requests, 16 at once, queue 8: each is answered right or refused, none is lost, and memory stays", async () => {
    await withServer({ concurrency: 4, queue: 8 }, async (address, model) => {
      const { engine } = model.loaded as unknown as { readonly engine: Engine };
      const answered = { ok: 0, refused: 0 };
      const one = async (i: number): Promise<void> => {
        const { prompt, text } = PROMPTS[i % PROMPTS.length] as (typeof PROMPTS)[number];
        const stream = i % 2 === 0;
        const response = await post(address, JSON.stringify({ prompt, max_tokens: 48, temperature: 0, stream }));
        const body = await response.text();
        if (response.status === 429) {
          expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
          answered.refused++;
          return;
        }
        expect(response.status).toBe(200);
        const said = stream
          ? body.split("\n\n").filter((event) => event.startsWith("data: {")).map((event) => (JSON.parse(event.slice(6)) as { choices: [{ text: string }] }).choices[0].text).join("")
          : (JSON.parse(body) as { choices: [{ text: string }] }).choices[0].text;
        expect(said).toBe(text);
        answered.ok++;
      };
      const round = async (): Promise<void> => {
        let next = 0;
        await Promise.all(Array.from({ length: 16 }, async () => {
          while (next < 200) await one(next++);
        }));
      };
      const settled = async (): Promise<{ heap: number; engine: number }> => {
        for (let i = 0; i < 4; i++) {
          collectGarbage();
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        return { heap: heapUsed + arrayBuffers, engine: engine.memory.buffer.byteLength };
      };
      await round();
      const before = await settled();
      for (let i = 0; i < 2; i++) await round();
      const after = await settled();
      expect(answered.ok + answered.refused).toBe(600);
      // A fast machine may answer so quickly that the queue never fills; slots.test.ts and together.test.ts fill it for sure.
      expect(answered.ok).toBeGreaterThan(100);
      expect(after.engine).toBeLessThanOrEqual(1.05 * before.engine);
      expect(after.heap + after.engine).toBeLessThanOrEqual(1.05 * (before.heap + before.engine));
      expect(await (await fetch(`${address}/healthz`)).json()).toEqual({ status: "ok", active: 0, waiting: 0 });
      console.log(`answered ${answered.ok}, refused ${answered.refused}; settled memory ${before.heap + before.engine} -> ${after.heap + after.engine} bytes (engine ${before.engine} -> ${after.engine})`);
    });
  }, 180_000);
});

const PARAMETERS = ["prompt", "model", "max_tokens", "temperature", "top_p", "n", "stream", "stream_options", "stop", "seed", "logprobs", "echo", "logit_bias", "best_of", "user", "suffix", "__proto__", "constructor"];

/** Bodies that are wrong for sure: broken bytes, other JSON than an object, or an object with a parameter that cannot be. */
const malformed: fc.Arbitrary<BodyInit> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.of(0xff, ...bytes)),
  fc.string({ maxLength: 100 }).map((text) => `{"prompt": "x"${text}`),
  fc.jsonValue().filter((value) => typeof value !== "object" || value === null || Array.isArray(value)).map((value) => JSON.stringify(value)),
  fc.tuple(fc.dictionary(fc.constantFrom(...PARAMETERS), fc.jsonValue({ maxDepth: 3 })), fc.constantFrom({ n: 2 }, { prompt: {} }, { max_tokens: -1 }, { temperature: "x" }, { stop: [""] }, { seed: 0.5 }, { nothing: 1 }, { stream: 3 }, { logprobs: 99 }, { prompt: [5000] }, { prompt: [] }))
    .map(([noise, wrong]) => JSON.stringify({ prompt: "x", ...noise, ...wrong })),
  fc.integer({ min: 1000, max: 100_000 }).map((depth) => "[".repeat(depth)),
  fc.integer({ min: 1000, max: 100_000 }).map((depth) => `{"prompt": ${"[".repeat(depth)}${"]".repeat(depth)}}`),
  fc.constant("x".repeat(2 << 20)),
);

describe("malformed requests", () => {
  it("500 of them: all 4xx in the API's shape, and the server lives", async () => {
    await withServer({}, async (address) => {
      let count = 0;
      await fc.assert(fc.asyncProperty(malformed, fc.constantFrom("completions", "chat/completions"), async (body, route) => {
        count++;
        const response = await fetch(`${address}/v1/${route}`, { method: "POST", headers: { "content-type": "application/json" }, body });
        const { error } = (await response.json()) as { error: { message: string; type: string } };
        expect(response.status).toBeGreaterThanOrEqual(400);
        expect(response.status).toBeLessThan(500);
        expect([typeof error.message, error.type]).toEqual(["string", "invalid_request_error"]);
      }), { numRuns: 500, seed: 4 });
      expect(count).toBe(500);
      expect(await (await fetch(`${address}/healthz`)).json()).toEqual({ status: "ok", active: 0, waiting: 0 });
      const { prompt, text } = PROMPTS[0] as (typeof PROMPTS)[number];
      const alive = await post(address, JSON.stringify({ prompt, max_tokens: 48, temperature: 0 }));
      expect(((await alive.json()) as { choices: [{ text: string }] }).choices[0].text).toBe(text);
    });
  });
});
