/** Bytes to take the checksum of, little-endian: a DataView here, loads from memory there. */
export abstract class ByteWords {
  abstract u32(at: f64): i32;
  abstract u8(at: f64): i32;
}

const PRIME_1: i32 = -1640531535;
const PRIME_2: i32 = -2048144777;
const PRIME_3: i32 = -1028477379;
const PRIME_4: i32 = 668265263;
const PRIME_5: i32 = 374761393;

/** Bytes that are taken together, 4 for each lane. */
const STRIPE = 16;

/**
 * XXH32 with seed 0 (xxHash, doc/xxhash_spec.md): finds damage, not malice. The engine has a faster form of it for what lies in memory
 * (assembly/kernels/scalar/checksum.ts). @returns its 32 bits, as an i32
 */
export function checksum(source: ByteWords, bytes: f64): i32 {
  let hash: i32 = PRIME_5;
  let at: f64 = 0;
  if (bytes >= STRIPE) {
    let a: i32 = (PRIME_1 + PRIME_2) | 0;
    let b: i32 = PRIME_2;
    let c: i32 = 0;
    let d: i32 = (0 - PRIME_1) | 0;
    for (; at + STRIPE <= bytes; at += STRIPE) {
      a = lane(a, source.u32(at));
      b = lane(b, source.u32(at + 4));
      c = lane(c, source.u32(at + 8));
      d = lane(d, source.u32(at + 12));
    }
    hash = (((rotate(a, 1) + rotate(b, 7)) | 0) + ((rotate(c, 12) + rotate(d, 18)) | 0)) | 0;
  }
  hash = (hash + low32(bytes)) | 0;
  for (; at + 4 <= bytes; at += 4) hash = multiply(rotate((hash + multiply(source.u32(at), PRIME_3)) | 0, 17), PRIME_4);
  for (; at < bytes; at += 1) hash = multiply(rotate((hash + multiply(source.u8(at), PRIME_5)) | 0, 11), PRIME_1);
  hash = multiply(hash ^ (hash >>> 15), PRIME_2);
  hash = multiply(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) | 0;
}

function lane(sum: i32, word: i32): i32 {
  return multiply(rotate((sum + multiply(word, PRIME_2)) | 0, 13), PRIME_1);
}

function rotate(x: i32, by: i32): i32 {
  return (x << by) | (x >>> (32 - by));
}

/** Product modulo 2^32. */
function multiply(a: i32, b: i32): i32 {
  return Math.imul(a, b) as i32;
}

/** A length below 2^31: runs are no longer (RUN_LIMIT of sections.ts). */
function low32(bytes: f64): i32 {
  return bytes as i32;
}
