import { describe, expect, it } from "vitest";
import { generate } from "../../src/decode/generate.ts";
import type { Piece } from "../../src/decode/generation.ts";
import { log } from "../../src/decode/sampling/log.ts";
import { logprobsOf } from "../../src/decode/sampling/logprobs.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { FormatError, UsageError } from "../../src/errors.ts";
import { FakeModel } from "../helpers/fake-model.ts";

describe("log", () => {
  it("agrees with Math.log from the smallest number to the largest", () => {
    const { float } = createRandom(3);
    for (let i = 0; i < 20_000; i++) {
      const x = (1 + float()) * 2 ** Math.floor(float() * 2097 - 1074);
      const exact = Math.log(x);
      expect(Math.abs(log(x) - exact), String(x)).toBeLessThanOrEqual(Math.max(Math.abs(exact), 1e-3) * 2 ** -50);
    }
    for (let x = 0.9; x < 1.1; x += 1e-5) expect(Math.abs(log(x) / Math.log(x) - 1), String(x)).toBeLessThan(2 ** -50);
  });

  it("keeps the edges", () => {
    expect([log(1), log(0), log(Infinity)]).toEqual([0, -Infinity, Infinity]);
    expect([log(-1), log(NaN)]).toEqual([NaN, NaN]);
    expect(log(5e-324)).toBeCloseTo(Math.log(5e-324), 10);
  });
});

describe("logprobsOf", () => {
  it("is the log-softmax", () => {
    const { float } = createRandom(5);
    const logits = Float32Array.from({ length: 500 }, () => float() * 40 - 20);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
    const { id, logprob, top } = logprobsOf(logits, 17, 20);
    expect(id).toBe(17);
    expect(logprob).toBeCloseTo((logits[17] as number) - Math.log(sum), 12);
    const ranked = Array.from(logits.keys())
      .sort((a, b) => (logits[b] as number) - (logits[a] as number))
      .slice(0, 20);
    expect(top.map((entry) => entry.id)).toEqual(ranked);
    for (const entry of top) expect(entry.logprob).toBeCloseTo((logits[entry.id] as number) - Math.log(sum), 12);
    expect(logprobsOf(logits, 17, 0).top).toEqual([]);
  });

  it("orders equal ones by id, and bars none that are impossible", () => {
    const { logprob, top } = logprobsOf(Float32Array.of(1, 2, 2, -Infinity, 2), 3, 5);
    expect(logprob).toBe(-Infinity);
    expect(top.map(({ id }) => id)).toEqual([1, 2, 4, 0, 3]);
  });

  it.each([NaN, Infinity])("refuses %d", (bad) => expect(() => logprobsOf(Float32Array.of(0, bad), 0, 1)).toThrow(FormatError));
});

describe("generate with logprobs", () => {
  it("gives each piece those of its own step, whatever the sampler does", async () => {
    for (const options of [{}, { temperature: 1.3, seed: 4, topK: 9, repetitionPenalty: 1.2 }]) {
      const model = new FakeModel();
      const pieces: Piece[] = [];
      for await (const piece of generate(model, undefined, [1, 2, 3], { ...options, maxTokens: 6, logprobs: 3 })) pieces.push(piece);
      const history = [1, 2, 3];
      for (const { id, logprobs } of pieces) {
        const sequence = model.newSequence();
        const logits = sequence.forward(history).logits(0);
        expect(logprobs).toEqual(logprobsOf(logits, id, 3));
        sequence.dispose();
        history.push(id);
      }
    }
  });

  it("leaves them out when they are not asked for, and checks the number", async () => {
    for await (const piece of generate(new FakeModel(), undefined, [1], { maxTokens: 2 })) expect(piece).not.toHaveProperty("logprobs");
    for (const logprobs of [-1, 21, 1.5]) expect(() => generate(new FakeModel(), undefined, [1], { logprobs })).toThrow(UsageError);
  });

  it("guesses nothing: auto means off, and the other ways are refused", async () => {
    for (const speculate of [undefined, "auto", "off"] as const) {
      const generation = generate(new FakeModel(), undefined, [1], { maxTokens: 3, logprobs: 1, ...(speculate && { speculate }) });
      const pieces: Piece[] = [];
      for await (const piece of generation) pieces.push(piece);
      expect(pieces.map(({ id, logprobs }) => logprobs?.id === id)).toEqual([true, true, true]);
      expect((await generation.result()).rounds).toBeNull();
    }
    for (const speculate of ["ngram", "eagle", "model"] as const) {
      expect(() => generate(new FakeModel(), undefined, [1], { logprobs: 1, speculate })).toThrow(
        /logprobs: needs speculate to be off or auto/,
      );
    }
  });
});
