import { describe, expect, it } from "vitest";
import { estimate, orders, sampleUndecided, sampleUntilSettled } from "../../bench/paired.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";

describe("estimate", () => {
  it("gives the order statistics of the binomial table", () => {
    const values = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1).reverse();
    // Smallest and largest, second smallest and second largest, ...: n = 6, 9, 12, 20 have k = 1, 2, 3, 6.
    expect(estimate(values(6))).toEqual({ median: 3.5, low: 1, high: 6, samples: 6 });
    expect(estimate(values(9))).toMatchObject({ low: 2, high: 8 });
    expect(estimate(values(12))).toMatchObject({ low: 3, high: 10 });
    expect(estimate(values(20))).toMatchObject({ low: 6, high: 15 });
    expect(estimate(values(3))).toMatchObject({ low: 1, high: 3 });
  });

  it("holds the median in at least 95 of 100 cases, outliers or not", () => {
    const random = createRandom(1);
    let held = 0;
    for (let i = 0; i < 1000; i++) {
      const { low, high } = estimate(Array.from({ length: 15 }, () => (random.float() < 0.1 ? 10 : 0) + random.float()));
      // Values up to 0.5 / 0.9 are half of all.
      if (low <= 0.5 / 0.9 && high >= 0.5 / 0.9) held++;
    }
    expect(held).toBeGreaterThan(950);
  });
});

describe("orders", () => {
  it("are all, each way as often in each place and after each other", () => {
    const all = orders(["a", "b", "c"]);
    expect(all.map((order) => order.join("")).sort()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  });
});

describe("sampleUntilSettled", () => {
  it("stops when every series is known well enough, and not before the least", async () => {
    const [calm, rough]: number[][] = [[], []];
    const random = createRandom(2);
    const taken = await sampleUntilSettled(
      [calm!, rough!],
      async () => {
        calm!.push(1);
        rough!.push(1 + 0.04 * (random.float() - 0.5));
      },
      { least: 7, most: 500, within: 0.005, ms: 60_000 },
    );
    expect(taken).toBeGreaterThan(7);
    expect(taken).toBeLessThan(500);
    expect(estimate(rough!).high - estimate(rough!).median).toBeLessThanOrEqual(0.005);
    expect(await sampleUntilSettled([[]], async () => {}, { least: 0, most: 3, within: 0, ms: 60_000 })).toBe(3);
  });

  it("stops when the time is over, with the least", async () => {
    const series: number[] = [];
    const taken = await sampleUntilSettled([series], async (i) => void series.push(i), { least: 4, most: 100, within: 0, ms: 0 });
    expect(taken).toBe(4);
  });
});

describe("sampleUndecided", () => {
  it("goes on with the series alone whose interval holds the line, until it does not", async () => {
    const random = createRandom(3);
    const draw = (centre: number): number => centre + 0.08 * (random.float() - 0.5);
    const centres = [1, 0.985, 0.9];
    const series = centres.map((centre) => Array.from({ length: 6 }, () => draw(centre)));
    series[0] = Array.from({ length: 6 }, () => 1);
    await sampleUndecided(series, 0.97, async (_, undecided) => undecided.forEach((at) => series[at]!.push(draw(centres[at]!))), {
      most: 500,
      ms: 60_000,
    });
    expect(series[0]).toHaveLength(6);
    expect(series[1]!.length).toBeGreaterThan(6);
    expect(series[1]!.length).toBeLessThan(506);
    expect(estimate(series[1]!).low).toBeGreaterThan(0.97);
    expect(estimate(series[2]!).high).toBeLessThan(0.97);
  });

  it("stops after the most samples", async () => {
    const series: number[][] = [[0, 1, 0, 1]];
    await sampleUndecided(series, 0.5, async (i) => void series[0]!.push(i % 2), { most: 5, ms: 60_000 });
    expect(series[0]).toHaveLength(9);
  });
});
