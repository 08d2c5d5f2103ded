// XXH32 (Yann Collet, xxHash; XXH32 specification 0.1.1): 32 bits that tell whether bytes changed by accident; nobody is kept from changing
// them on purpose. It takes 32-bit integers alone, so both compilers have it, and its four lanes do not wait for each other. Bytes go in
// stripes of 16, a word of 4 to each lane, little-endian; then what is left: words, then bytes. Seed 0.

/** Bytes of a stripe. */
export const STRIPE_BYTES = 16;
export const LANES = 4;

// 0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1
export const PRIME_1: i32 = -0x61c8864f;
export const PRIME_2: i32 = -0x7a143589;
const PRIME_3: i32 = -0x3d4d51c3;
const PRIME_4: i32 = 0x27d4eb2f;
const PRIME_5: i32 = 0x165667b1;

/** How a lane begins. */
export function firstLane(lane: i32): i32 {
  if (lane === 0) return (PRIME_1 + PRIME_2) | 0;
  if (lane === 1) return PRIME_2;
  return lane === 2 ? 0 : -PRIME_1;
}

/**
 * A lane after its word of a stripe: rotate(lane + word PRIME_2, 13) PRIME_1. The engine computes it with a multiplication of its own, five
 * times as fast.
 */
export function round(lane: i32, word: i32): i32 {
  return times(rotate((lane + times(word, PRIME_2)) | 0, 13), PRIME_1);
}

/** The four lanes after all stripes, for `tailWord` and `tailByte` to take on. @param length bytes in all */
export function joinLanes(a: i32, b: i32, c: i32, d: i32, length: f64): i32 {
  const joined = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  return ((length < STRIPE_BYTES ? PRIME_5 : joined) + low32(length)) | 0;
}

/** Takes one of the words that are left. */
export function tailWord(state: i32, word: i32): i32 {
  return times(rotate((state + times(word, PRIME_3)) | 0, 17), PRIME_4);
}

/** Takes one of the last bytes, 0 to 255. */
export function tailByte(state: i32, byte: i32): i32 {
  return times(rotate((state + times(byte, PRIME_5)) | 0, 11), PRIME_1);
}

/** The checksum, of the state after all bytes: 32 bits, with a sign. */
export function finishChecksum(state: i32): i32 {
  let h = state;
  h = times(h ^ (h >>> 15), PRIME_2);
  h = times(h ^ (h >>> 13), PRIME_3);
  return h ^ (h >>> 16);
}

function rotate(x: i32, bits: i32): i32 {
  return (x << bits) | (x >>> (32 - bits));
}

/** a b, modulo 2^32: by halves of a, whose products a number holds exactly. */
function times(a: i32, b: i32): i32 {
  return ((((a >>> 16) * b) << 16) + (a & 0xffff) * b) | 0;
}

/** The low 32 bits of a length. */
function low32(length: f64): i32 {
  const low = length - Math.floor(length / 4294967296.0) * 4294967296.0;
  return (low < 2147483648.0 ? low : low - 4294967296.0) as i32;
}
