const TWO_32: f64 = 4294967296;

/** 64 bits as two halves, since only one of the two compilers has 64-bit integers beside its numbers. */
export class Bits64 {
  constructor(
    public high: i32,
    public low: i32,
  ) {}
}

/**
 * xoshiro128** 1.1 (D. Blackman, S. Vigna: "Scrambled linear pseudorandom number generators", ACM TOMS 47(4), 2021):
 * 128 bits of state, 32-bit integer operations only: the same numbers on every host.
 */
export class Xoshiro128 {
  /** A state, which must not be all zero. */
  constructor(
    private s0: i32,
    private s1: i32,
    private s2: i32,
    private s3: i32,
  ) {}

  /** Uniform integer in [0, 2^32). */
  uint32(): f64 {
    return unsigned(this.next());
  }

  /** Uniform multiple of 2^-53 in [0, 1). */
  float(): f64 {
    const high: f64 = this.next() >>> 5;
    const low: f64 = this.next() >>> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

  private next(): i32 {
    const result = times9(rotateLeft(times5(this.s1), 7));
    const shifted = this.s1 << 9;
    this.s2 ^= this.s0;
    this.s3 ^= this.s1;
    this.s1 ^= this.s2;
    this.s0 ^= this.s3;
    this.s2 ^= shifted;
    this.s3 = rotateLeft(this.s3, 11);
    return result;
  }
}

/** The generator of a seed: its state comes by SplitMix64, as its authors advise. @param seed integer from 0 to 2^53 - 1 */
export function randomFromSeed(seed: f64): Xoshiro128 {
  const high = Math.floor(seed / TWO_32);
  const state = new Bits64(wrap(high), wrap(seed - high * TWO_32));
  const a = splitMix64(state);
  const b = splitMix64(state);
  return new Xoshiro128(a.low, a.high, b.low, b.high);
}

/**
 * The next number of SplitMix64 (G. Steele, D. Lea, C. Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014); moves the
 * state on.
 */
export function splitMix64(state: Bits64): Bits64 {
  // 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9 and 0x94d049bb133111eb, in halves with a sign.
  add(state, -0x61c88647, 0x7f4a7c15);
  const z = new Bits64(state.high, state.low);
  xorShiftRight(z, 30);
  multiply(z, -0x40a7b893, 0x1ce4e5b9);
  xorShiftRight(z, 27);
  multiply(z, -0x6b2fb645, 0x133111eb);
  xorShiftRight(z, 31);
  return z;
}

function rotateLeft(x: i32, bits: i32): i32 {
  return (x << bits) | (x >>> (32 - bits));
}

/** 5 x, modulo 2^32: the sum has 34 bits at most, which a number holds, and the OR cuts it. */
function times5(x: i32): i32 {
  return ((x << 2) + x) | 0;
}

function times9(x: i32): i32 {
  return ((x << 3) + x) | 0;
}

/** The value of 32 bits without sign. */
function unsigned(x: i32): f64 {
  const value: f64 = x;
  return value < 0 ? value + TWO_32 : value;
}

/** The low 32 bits of a whole number from 0 to 2^53. */
function wrap(x: f64): i32 {
  const low = x - Math.floor(x / TWO_32) * TWO_32;
  return (low < 2147483648.0 ? low : low - TWO_32) as i32;
}

function add(z: Bits64, high: i32, low: i32): void {
  const sum = unsigned(z.low) + unsigned(low);
  z.low = wrap(sum);
  z.high = wrap(unsigned(z.high) + unsigned(high) + Math.floor(sum / TWO_32));
}

/** z ^= z >> bits, 0 < bits < 32. */
function xorShiftRight(z: Bits64, bits: i32): void {
  z.low ^= (z.low >>> bits) | (z.high << (32 - bits));
  z.high ^= z.high >>> bits;
}

/** z *= (high, low), modulo 2^64: a sum of shifted z, one for each bit of the factor. */
function multiply(z: Bits64, high: i32, low: i32): void {
  let shiftedHigh = z.high;
  let shiftedLow = z.low;
  z.high = 0;
  z.low = 0;
  for (let bit = 0; bit < 64; bit++) {
    if ((((bit < 32 ? low : high) >>> (bit & 31)) & 1) === 1) add(z, shiftedHigh, shiftedLow);
    shiftedHigh = (shiftedHigh << 1) | (shiftedLow >>> 31);
    shiftedLow <<= 1;
  }
}
