import fc from "fast-check";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listen, loadModel } from "../../host/node/index.ts";
import { createServer, type Server, type ServerLimits } from "../../src/server/index.ts";
import type { Model } from "../../src/model.ts";
import { root } from "../helpers/test-host.ts";
import { PROMPTS } from "../runtime/prompts.ts";

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

const post = (
  address: string,
  body: BodyInit,
  headers: Record<string, string> = { "content-type": "application/json" },
): Promise<Response> => fetch(`${address}/v1/completions`, { method: "POST", headers, body });

const main = join(root, "dist/lib/cli.js");
const built = existsSync(main);
if (!built) console.log("skipped: the built server (run npm run build)");

describe.skipIf(!built)("under load", () => {
  /** More than any fast machine computes before the server looks at its sockets again (src/pause.ts: 64 steps). */
  const TOKENS = 160;
  const [REQUESTS, AT_ONCE, QUEUE, MOST_ROUNDS] = [200, 16, 8, 5];

  it("200 requests, 16 at once, queue 8: each is answered right or refused with 429, none is lost, and memory stays", async () => {
    // V8's space for young objects grows with the pace of allocation, whatever is held: a small one shows what is held.
    const child = spawn(
      process.execPath,
      [
        "--max-semi-space-size=2",
        main,
        "serve",
        "--model",
        "nano",
        "--port",
        "0",
        "--tier",
        "simd",
        "--speculate",
        "off",
        "--max-concurrency",
        "1",
        "--queue",
        String(QUEUE),
        "--json",
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    try {
      const address = await new Promise<string>((resolve, reject) => {
        child.stdout.once("data", (data: Buffer) =>
          resolve((JSON.parse(data.toString().split("\n")[0] ?? "") as { address: string }).address.replace(/\/v1$/, "")),
        );
        child.once("exit", () => reject(new Error("the server ended")));
      });
      child.stdout.resume();
      const count = { ok: 0, refused: 0 };
      /** Those who were refused and wait for an answer to anybody. */
      let waiting: (() => void)[] = [];

      const attempt = async (i: number): Promise<boolean> => {
        const { prompt, text } = PROMPTS[i % PROMPTS.length] as (typeof PROMPTS)[number];
        const stream = i % 2 === 0;
        const response = await post(address, JSON.stringify({ prompt, max_tokens: TOKENS, ignore_eos: true, temperature: 0, stream }));
        const body = await response.text();
        if (response.status === 429) {
          expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
          expect(JSON.parse(body)).toMatchObject({ error: { type: "rate_limit_error", code: "queue_full" } });
          count.refused++;
          return false;
        }
        expect(response.status).toBe(200);
        const said = stream
          ? body
              .split("\n\n")
              .filter((event) => event.startsWith("data: {"))
              .map((event) => (JSON.parse(event.slice(6)) as { choices: [{ text: string }] }).choices[0].text)
              .join("")
          : (JSON.parse(body) as { choices: [{ text: string }] }).choices[0].text;
        expect(said.slice(0, text.length)).toBe(text);
        count.ok++;
        for (const go of waiting.splice(0)) go();
        return true;
      };
      const round = async (): Promise<void> => {
        let next = 0;
        waiting = [];
        await Promise.all(
          Array.from({ length: AT_ONCE }, async () => {
            for (let i = next++; i < REQUESTS; i = next++)
              while (!(await attempt(i))) await new Promise<void>((resolve) => waiting.push(resolve));
          }),
        );
      };
      const residentKb = (): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);

      // Memory that is not held is given back late: it is flat when 200 requests more add nothing, within a few rounds. A leak adds in each.
      const resident = process.platform === "linux" ? [] : [1, 1];
      let rounds = 0;
      const flat = (): boolean => resident.length > 1 && (resident.at(-1) as number) < 1.05 * (resident.at(-2) as number);
      do {
        await round();
        rounds++;
        if (process.platform === "linux") resident.push(residentKb());
      } while (rounds < 2 || (rounds < MOST_ROUNDS && !flat()));
      expect(flat(), `resident kB after each round: ${resident.join(", ")}`).toBe(true);
      expect(count.ok).toBe(rounds * REQUESTS);
      // One runs and eight wait, so of sixteen clients seven are refused, again and again.
      expect(count.refused).toBeGreaterThan((rounds * REQUESTS) / 2);
      // The server counted the same, and holds nothing.
      const metrics = await (await fetch(`${address}/metrics`)).text();
      expect(metrics).toContain(`blockffn_requests_total{route="/v1/completions",status="200"} ${count.ok}\n`);
      expect(metrics).toContain(`blockffn_requests_total{route="/v1/completions",status="429"} ${count.refused}\n`);
      expect(metrics).toContain(`blockffn_rejected_total ${count.refused}\n`);
      expect(await (await fetch(`${address}/healthz`)).json()).toEqual({ status: "ok", active: 0, waiting: 0 });
      console.log(`answered ${count.ok}, refused ${count.refused}; resident ${resident.join(" -> ")} kB`);
    } finally {
      child.kill("SIGKILL");
    }
  }, 180_000);
});

const PARAMETERS = [
  "prompt",
  "model",
  "max_tokens",
  "temperature",
  "top_p",
  "n",
  "stream",
  "stream_options",
  "stop",
  "seed",
  "logprobs",
  "echo",
  "logit_bias",
  "best_of",
  "user",
  "suffix",
  "__proto__",
  "constructor",
];

/** Bodies that are wrong for sure: broken bytes, other JSON than an object, or an object with a parameter that cannot be. */
const malformed: fc.Arbitrary<BodyInit> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.of(0xff, ...bytes)),
  fc.string({ maxLength: 100 }).map((text) => `{"prompt": "x"${text}`),
  fc
    .jsonValue()
    .filter((value) => typeof value !== "object" || value === null || Array.isArray(value))
    .map((value) => JSON.stringify(value)),
  fc
    .tuple(
      fc.dictionary(fc.constantFrom(...PARAMETERS), fc.jsonValue({ maxDepth: 3 })),
      fc.constantFrom(
        { n: 2 },
        { prompt: {} },
        { max_tokens: -1 },
        { temperature: "x" },
        { stop: [""] },
        { seed: 0.5 },
        { nothing: 1 },
        { stream: 3 },
        { logprobs: 99 },
        { prompt: [5000] },
        { prompt: [] },
      ),
    )
    .map(([noise, wrong]) => JSON.stringify({ prompt: "x", ...noise, ...wrong })),
  fc.integer({ min: 1000, max: 100_000 }).map((depth) => "[".repeat(depth)),
  fc.integer({ min: 1000, max: 100_000 }).map((depth) => `{"prompt": ${"[".repeat(depth)}${"]".repeat(depth)}}`),
  fc.constant("x".repeat(2 << 20)),
);

describe("malformed requests", () => {
  it("500 of them: all 4xx in the API's shape, and the server lives", async () => {
    await withServer({}, async (address) => {
      let count = 0;
      await fc.assert(
        fc.asyncProperty(malformed, fc.constantFrom("completions", "chat/completions"), async (body, route) => {
          count++;
          const response = await fetch(`${address}/v1/${route}`, { method: "POST", headers: { "content-type": "application/json" }, body });
          const { error } = (await response.json()) as { error: { message: string; type: string } };
          expect(response.status).toBeGreaterThanOrEqual(400);
          expect(response.status).toBeLessThan(500);
          expect([typeof error.message, error.type]).toEqual(["string", "invalid_request_error"]);
        }),
        { numRuns: 500, seed: 4 },
      );
      expect(count).toBe(500);
      expect(await (await fetch(`${address}/healthz`)).json()).toEqual({ status: "ok", active: 0, waiting: 0 });
      const { prompt, text } = PROMPTS[0] as (typeof PROMPTS)[number];
      const alive = await post(address, JSON.stringify({ prompt, max_tokens: 48, temperature: 0 }));
      expect(((await alive.json()) as { choices: [{ text: string }] }).choices[0].text).toBe(text);
    });
  });
});
