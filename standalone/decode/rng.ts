/** xoshiro128** 1.1, seeded by SplitMix64: mirrors src/decode/sampling/rng.ts, which names the papers. */
export class Random {
  private s0: u32;
  private s1: u32;
  private s2: u32;
  private s3: u32;

  /** @param seed 0 to 2^53 - 1 */
  constructor(seed: u64) {
    const a = splitMix64(seed + 0x9e3779b97f4a7c15);
    const b = splitMix64(seed + 0x9e3779b97f4a7c15 + 0x9e3779b97f4a7c15);
    this.s0 = <u32>a;
    this.s1 = <u32>(a >> 32);
    this.s2 = <u32>b;
    this.s3 = <u32>(b >> 32);
  }

  uint32(): u32 {
    const result = rotl<u32>(this.s1 * 5, 7) * 9;
    const shifted = this.s1 << 9;
    this.s2 ^= this.s0;
    this.s3 ^= this.s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= shifted;
    this.s3 = rotl<u32>(this.s3, 11);
    return result;
  }

  /** Uniform multiple of 2^-53 in [0, 1). */
  float(): f64 {
    const high = <f64>(this.uint32() >> 5);
    const low = <f64>(this.uint32() >> 6);
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
  }
}

function splitMix64(state: u64): u64 {
  let z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
