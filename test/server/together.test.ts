import { describe, expect, it } from "vitest";
import { loadModel } from "../../host/node/index.ts";
import { createServer } from "../../src/server/index.ts";
import { events, testServer } from "../helpers/server.ts";
import { MAX_TOKENS, PROMPTS } from "../runtime/prompts.ts";

interface Chunk {
  readonly choices: readonly { readonly text: string }[];
}

describe("requests at once", () => {
  it("get each its own answer: nobody sees another's text or cache", async () => {
    using model = await loadModel(undefined, { tier: "simd" });
    const server = createServer(model, { limits: { concurrency: 4, queue: 100 } });
    const ask = async (prompt: string, stream: boolean): Promise<string> => {
      const response = await server.fetch(
        new Request("http://test/v1/completions", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ prompt, max_tokens: MAX_TOKENS, temperature: 0, stream }),
        }),
      );
      if (!stream) return ((await response.json()) as Chunk).choices[0]?.text ?? "";
      return (await events<Chunk>(response)).map((event) => (event === "[DONE]" ? "" : (event.choices[0]?.text ?? ""))).join("");
    };
    const jobs = [...PROMPTS, ...PROMPTS].map(({ prompt, text }, i) => ({ prompt, text, stream: i % 3 !== 0 }));
    const texts = await Promise.all(jobs.map(({ prompt, stream }) => ask(prompt, stream)));
    expect(texts).toEqual(jobs.map(({ text }) => text));
  });

  it("go on in turn: none waits for another to end", async () => {
    const server = testServer({ limits: { concurrency: 4 } });
    const order: number[] = [];
    const read = async (n: number): Promise<void> => {
      const response = await server.post("/v1/completions", {
        prompt: [1, n],
        max_tokens: 480,
        ignore_eos: true,
        temperature: 0,
        stream: true,
      });
      const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
      while (!(await reader.read()).done) order.push(n);
    };
    await Promise.all([5, 6, 7, 8].map(read));
    // While all four run, no reader gets more than a slice of pieces (64) before each other one gets some.
    const half = order.slice(0, order.length / 2);
    for (const n of [5, 6, 7, 8]) {
      const share = half.filter((reader) => reader === n).length / half.length;
      expect(share).toBeGreaterThan(0.15);
    }
  });

  it("are refused at once when slots and queue are full", async () => {
    const server = testServer({ limits: { concurrency: 1, queue: 1 } });
    const bodies = [1, 2, 3, 4].map(() => server.post("/v1/completions", { prompt: [1], max_tokens: 20, ignore_eos: true }));
    const statuses = (await Promise.all(bodies)).map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 429, 429]);
    expect(await (await server.get("/metrics")).text()).toContain("blockffn_rejected_total 2\n");
  });
});
