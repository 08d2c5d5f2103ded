import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { createSampler } from "../../src/decode/sampling/sampler.ts";
import type { SamplerOptions } from "../../src/decode/sampling/sampler.ts";
import { FormatError, UsageError } from "../../src/errors.ts";

/** The same rules written down directly, over fully sorted lists. */
function direct(logits: Float32Array, history: readonly number[], options: SamplerOptions): Map<number, number> {
  const { temperature = 0, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = options;
  const seen = new Set(history);
  let left = Array.from(logits, (logit, id) => ({
    id,
    score: seen.has(id) ? (logit < 0 ? logit * repetitionPenalty : logit / repetitionPenalty) : logit,
  }));
  left = left.filter(({ score }) => score > -Infinity).sort((a, b) => b.score - a.score || a.id - b.id);
  if (temperature === 0) return new Map([[left[0]!.id, 1]]);
  left = left.map(({ id, score }) => ({ id, score: score / temperature }));
  if (topK > 0 && topK < left.length) {
    const kth = left[topK - 1]!.score;
    left = left.filter(({ score }) => score >= kth);
  }
  const weights = (): number[] => left.map(({ score }) => Math.exp(score - left[0]!.score));
  const total = weights().reduce((a, b) => a + b, 0);
  let before = 0;
  left = left.filter((_, i) => {
    const keep = i === 0 || before < topP * total;
    before += weights()[i]!;
    return keep;
  });
  left = left.filter((_, i) => weights()[i]! >= minP);
  const sum = weights().reduce((a, b) => a + b, 0);
  return new Map(left.map(({ id }, i) => [id, weights()[i]! / sum]));
}

const logitsOf = (values: readonly number[]): Float32Array => Float32Array.from(values);
function distribution(options: SamplerOptions, logits: Float32Array, history: readonly number[] = []): Map<number, number> {
  const { ids, probs } = createSampler(options).probabilities(logits, history);
  return new Map(Array.from(ids, (id, i) => [id, probs[i]!]));
}

describe("the distribution", () => {
  it("is what the rules say", () => {
    const options = fc.record({
      temperature: fc.constantFrom(0, 0.5, 1, 1.7),
      topK: fc.constantFrom(0, 1, 2, 5, 40),
      topP: fc.constantFrom(0, 0.3, 0.62, 0.9, 1),
      minP: fc.constantFrom(0, 0.04, 0.3, 1),
      repetitionPenalty: fc.constantFrom(1, 1.3, 0.8),
    });
    // Sixteenths, so that equal logits are common.
    const logits = fc.array(
      fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: -64, max: 64 }).map((n) => n / 16) },
        { weight: 1, arbitrary: fc.constant(-Infinity) },
      ),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(logits, options, fc.array(fc.nat()), (values, opts, picks) => {
        fc.pre(values.some((value) => value > -Infinity));
        const history = picks.map((n) => n % values.length);
        const found = distribution(opts, logitsOf(values), history);
        const expected = direct(logitsOf(values), history, opts);
        expect([...found.keys()]).toEqual([...expected.keys()].sort((a, b) => a - b));
        for (const [id, p] of expected) expect(found.get(id)).toBeCloseTo(p, 12);
      }),
      { numRuns: 3000, seed: 11 },
    );
  });

  it("by hand: each option", () => {
    const logits = logitsOf([Math.log(0.5), Math.log(0.25), Math.log(0.125), Math.log(0.125)]);
    const close = (options: SamplerOptions, expected: Record<number, number>, history: number[] = []): void => {
      const found = distribution({ temperature: 1, ...options }, logits, history);
      expect([...found.keys()].map(String)).toEqual(Object.keys(expected));
      for (const [id, p] of found) expect(p).toBeCloseTo(expected[id]!, 6);
    };
    close({}, { 0: 0.5, 1: 0.25, 2: 0.125, 3: 0.125 });
    close({ topK: 2 }, { 0: 2 / 3, 1: 1 / 3 });
    close({ topK: 3 }, { 0: 0.5, 1: 0.25, 2: 0.125, 3: 0.125 });
    close({ topP: 0.7 }, { 0: 2 / 3, 1: 1 / 3 });
    close({ topP: 0.8 }, { 0: 4 / 7, 1: 2 / 7, 2: 1 / 7 });
    close({ topP: 0 }, { 0: 1 });
    close({ minP: 0.4 }, { 0: 2 / 3, 1: 1 / 3 });
    close({ temperature: 0.5 }, { 0: 16 / 22, 1: 4 / 22, 2: 1 / 22, 3: 1 / 22 });
    // log 0.5 twice as far below zero is log 0.25; top-p then counts temperature's probabilities.
    close({ repetitionPenalty: 2 }, { 0: 1 / 3, 1: 1 / 3, 2: 1 / 6, 3: 1 / 6 }, [0, 0, 0]);
    close({ temperature: 0.5, topP: 0.7 }, { 0: 1 });
    close(
      { temperature: 2, topP: 0.7 },
      {
        0: Math.SQRT2 / (Math.SQRT2 + 1 + Math.SQRT1_2),
        1: 1 / (Math.SQRT2 + 1 + Math.SQRT1_2),
        2: Math.SQRT1_2 / (Math.SQRT2 + 1 + Math.SQRT1_2),
      },
    );
  });
});

describe("draws", () => {
  it("follow the distribution (chi-square over 20,000)", () => {
    const logits = logitsOf(Array.from({ length: 24 }, (_, i) => Math.sin(i * 7) * 3));
    for (const options of [{ temperature: 1 }, { temperature: 0.7, topK: 12, topP: 0.97, minP: 0.01, repetitionPenalty: 1.2 }]) {
      const history = [2, 5, 5, 9];
      const expected = distribution(options, logits, history);
      const sampler = createSampler({ ...options, seed: 12345 });
      const counts = new Map<number, number>();
      for (let i = 0; i < 20_000; i++) {
        const id = sampler.sample(logits, history);
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      let chi2 = 0;
      for (const [id, p] of expected) chi2 += ((counts.get(id) ?? 0) - 20_000 * p) ** 2 / (20_000 * p);
      for (const id of counts.keys()) expect(expected.has(id)).toBe(true);
      const freedom = expected.size - 1;
      // Wilson and Hilferty's approximation of the 99.99 % point.
      const limit = freedom * (1 - 2 / (9 * freedom) + 3.719 * Math.sqrt(2 / (9 * freedom))) ** 3;
      expect(chi2).toBeLessThan(limit);
      expect(chi2).toBeGreaterThan(freedom / 10);
    }
  });

  it("take one random number each, and follow the seed", () => {
    const logits = logitsOf([0, 1, 2, 1, 0.5]);
    const probs = [...distribution({ temperature: 1 }, logits).values()];
    const sampler = createSampler({ temperature: 1, seed: 99 });
    const { float } = createRandom(99);
    for (let i = 0; i < 200; i++) {
      const u = float();
      let reached = 0;
      expect(sampler.sample(logits, [])).toBe(probs.findIndex((p) => (reached += p) > u));
    }
    // From a Python version of the same algorithms; these may never change, on any host.
    const fixed = createSampler({ temperature: 1, seed: 1 });
    expect(Array.from({ length: 16 }, () => fixed.sample(logits, []))).toEqual([2, 1, 1, 3, 2, 2, 3, 2, 2, 1, 1, 2, 2, 2, 2, 1]);
  });

  it("change neither logits nor history", () => {
    const logits = logitsOf([1, 2, 3]);
    const history = [0, 2];
    createSampler({ temperature: 1, topK: 2, topP: 0.5, repetitionPenalty: 3 }).sample(logits, history);
    expect([...logits]).toEqual([1, 2, 3]);
    expect(history).toEqual([0, 2]);
  });
});

describe("greedy", () => {
  it("takes the smallest id of the largest logit, after the penalty, without a draw", () => {
    const sampler = createSampler({ seed: 4 });
    expect(sampler.sample(logitsOf([1, 5, 5, 2]), [])).toBe(1);
    expect(sampler.sample(logitsOf([-Infinity, -3, -Infinity]), [])).toBe(1);
    expect(createSampler({ repetitionPenalty: 1.5 }).sample(logitsOf([1, 5, 4, 2]), [1])).toBe(2);
    expect(createSampler({ repetitionPenalty: 1.5 }).sample(logitsOf([-2, -1]), [1, 1, 1])).toBe(1);
    expect(sampler.random.uint32()).toBe(createRandom(4).uint32());
    expect([...distribution({}, logitsOf([0, 3, 3]))]).toEqual([[1, 1]]);
  });
});

describe("hard input", () => {
  it("a vocabulary of 122,753", () => {
    const { float } = createRandom(3);
    const logits = Float32Array.from({ length: 122_753 }, () => float() * 12);
    for (const options of [{ topK: 40 }, { topP: 0.9 }, { topK: 100_000, topP: 0.5, minP: 1e-4 }, {}]) {
      const found = distribution({ temperature: 0.8, ...options }, logits);
      const sorted = [...logits].sort((a, b) => b - a);
      expect([...found.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
      if (options.topK === 40)
        expect([...found.keys()].map((id) => logits[id]).sort((a, b) => b! - a!)).toEqual(sorted.slice(0, found.size));
      if (options.topK === 40) expect(found.size).toBeGreaterThanOrEqual(40);
    }
  });

  it("extreme numbers stay probabilities", () => {
    for (const options of [
      { temperature: 1e-300 },
      { temperature: 100 },
      { temperature: 1, repetitionPenalty: 1e-300 },
      { temperature: 1, repetitionPenalty: 100 },
    ]) {
      for (const logits of [
        [3e38, -3e38, 3e38],
        [0, 0, 0],
        [1e-40, -1e-40, 0],
        [-Infinity, 1, 2],
      ]) {
        const found = distribution(options, logitsOf(logits), [0, 1, 2]);
        expect([...found.values()].reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
      }
    }
  });

  it("raises typed errors", () => {
    for (const temperature of [0, 1]) {
      const sampler = createSampler({ temperature, repetitionPenalty: 1.1 });
      expect(() => sampler.sample(logitsOf([1, NaN, 2]), [])).toThrow(
        expect.objectContaining({ name: "FormatError", field: "logits[1]" }) as Error,
      );
      expect(() => sampler.probabilities(logitsOf([Infinity]), [])).toThrow(FormatError);
      expect(() => sampler.sample(logitsOf([-Infinity, -Infinity]), [])).toThrow(FormatError);
      expect(() => sampler.sample(logitsOf([]), [])).toThrow(FormatError);
      for (const id of [-1, 2, 0.5, NaN]) expect(() => sampler.sample(logitsOf([1, 2]), [id])).toThrow(UsageError);
      expect(sampler.sample(logitsOf([1, 200]), [])).toBe(1);
    }
  });

  it.each([
    { temperature: -1 },
    { temperature: NaN },
    { temperature: Infinity },
    { topK: -1 },
    { topK: 1.5 },
    { topP: 1.1 },
    { topP: -0.1 },
    { minP: 2 },
    { repetitionPenalty: 0 },
    { repetitionPenalty: -1 },
    { repetitionPenalty: Infinity },
    { seed: 0.1 },
    { seed: -1 },
    { temperature: "1" as unknown as number },
  ] as SamplerOptions[])("refuses %j", (options) => {
    expect(() => createSampler(options)).toThrow(expect.objectContaining({ name: "UsageError", field: Object.keys(options)[0] }) as Error);
  });
});
