import { UsageError } from "../../errors.ts";

/** A stream of random numbers that is the same on every host. */
export interface Random {
  /** Uniform integer in [0, 2^32). */
  uint32(): number;
  /** Uniform multiple of 2^-53 in [0, 1). */
  float(): number;
}

/**
 * xoshiro128** 1.1 (D. Blackman, S. Vigna: "Scrambled linear pseudorandom number generators", ACM TOMS 47(4), 2021):
 * 128 bits of state, 32-bit integer operations only. The state comes from the seed by SplitMix64, as its authors advise.
 * @param seed integer from 0 to 2^53 - 1
 * @throws UsageError for another seed
 */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new UsageError("must be an integer from 0 to 2^53 - 1", { field: "seed" });
  const next = splitMix64(BigInt(seed));
  const [a, b] = [next(), next()];
  return xoshiro128([Number(a & MASK_32), Number(a >> 32n), Number(b & MASK_32), Number(b >> 32n)]);
}

/** The generator from a state, which must not be all zero. */
export function xoshiro128(state: readonly [number, number, number, number]): Random {
  let [s0, s1, s2, s3] = state;
  const uint32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const shifted = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotateLeft(s3, 11);
    return result;
  };
  return {
    uint32,
    float() {
      const high = uint32() >>> 5;
      const low = uint32() >>> 6;
      return (high * 2 ** 26 + low) * 2 ** -53;
    },
  };
}

const MASK_32 = 0xffff_ffffn;
const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** SplitMix64 (G. Steele, D. Lea, C. Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014). */
export function splitMix64(seed: bigint): () => bigint {
  let state = seed & MASK_64;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK_64;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK_64;
    return z ^ (z >> 31n);
  };
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}
