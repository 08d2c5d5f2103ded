import { Bits64, randomFromSeed, splitMix64, type Xoshiro128 } from "../../../core/sampling/rng.ts";
import { UsageError } from "../../errors.ts";

/** A stream of random numbers that is the same on every host. */
export interface Random {
  /** Uniform integer in [0, 2^32). */
  uint32(): number;
  /** Uniform multiple of 2^-53 in [0, 1). */
  float(): number;
}

/**
 * The generator of core/sampling/rng.ts: xoshiro128**, seeded by SplitMix64.
 * @param seed integer from 0 to 2^53 - 1
 * @throws UsageError for another seed
 */
export function seededRandom(seed: number): Xoshiro128 {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new UsageError("must be an integer from 0 to 2^53 - 1", { field: "seed" });
  return randomFromSeed(seed);
}

/** `seededRandom` as functions, which may be passed on alone. */
export function createRandom(seed: number): Random {
  const random = seededRandom(seed);
  return { uint32: () => random.uint32(), float: () => random.float() };
}

/** 53 bits of a 64-bit number by SplitMix64: what makes a seed of any number. */
export function hashTo53(value: bigint): number {
  const { high, low } = splitMix64(new Bits64(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asIntN(32, value))));
  return (high >>> 0) * 2 ** 21 + (low >>> 11);
}
