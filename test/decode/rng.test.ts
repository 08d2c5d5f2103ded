import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { Bits64, splitMix64, Xoshiro128 } from "../../core/sampling/rng.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";

const take = <T>(count: number, next: () => T): T[] => Array.from({ length: count }, next);

describe("published algorithms", () => {
  // From the authors' C code, compiled.
  it("xoshiro128**", () => {
    const numbers = (count: number, random: Xoshiro128): number[] => take(count, () => random.uint32());
    expect(numbers(10, new Xoshiro128(1, 2, 3, 4))).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
    expect(numbers(4, new Xoshiro128(0x964d4a0c | 0, 0xd40ab895 | 0, 0xad7fdecb | 0, 0x3006f0f0))).toEqual([
      0xf1391922, 0x6fe53806, 0xa5be2840, 0xf510ee70,
    ]);
  });

  it("SplitMix64", () => {
    const state = new Bits64(0, 1234567);
    const next = (): bigint => {
      const { high, low } = splitMix64(state);
      return BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(low >>> 0));
    };
    expect(take(5, next)).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n,
    ]);
  });

  it("seeded together", () => {
    expect(take(6, createRandom(42).uint32)).toEqual([1776835114, 4165204688, 17111135, 2317295270, 2792088233, 2554630222]);
    expect(take(3, createRandom(42).float)).toEqual([0.41370166815658871, 0.0039839933778147429, 0.65008370276388672]);
  });
});

it("gives floats that are uniform in [0, 1)", () => {
  const { float } = createRandom(2 ** 53 - 1);
  const bins = new Array<number>(32).fill(0);
  for (let i = 0; i < 64_000; i++) {
    const x = float();
    expect(x >= 0 && x < 1).toBe(true);
    bins[Math.floor(x * 32)]!++;
  }
  const chi2 = bins.reduce((sum, n) => sum + (n - 2000) ** 2 / 2000, 0);
  // 99.99 % of chi-square with 31 degrees of freedom.
  expect(chi2).toBeLessThan(71);
});

it("tells seeds apart and refuses what is no seed", () => {
  const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => createRandom(seed).uint32()));
  expect(firsts.size).toBe(1000);
  expect(createRandom(1).uint32()).not.toBe(createRandom(2 ** 32 + 1).uint32());
  for (const seed of [-1, 0.5, NaN, Infinity, 2 ** 53, "1" as unknown as number]) expect(() => createRandom(seed)).toThrow(UsageError);
});
