const PRIME_1: u32 = 0x9e3779b1;
const PRIME_2: u32 = 0x85ebca77;
const PRIME_3: u32 = 0xc2b2ae3d;
const PRIME_4: u32 = 0x27d4eb2f;
const PRIME_5: u32 = 0x165667b1;

/** core/checksum.ts over memory: four lanes, whose multiplications do not wait for each other. The oracle is there. */
export function checksum(p: usize, bytes: u32): u32 {
  const end = p + bytes;
  let hash = PRIME_5;
  if (bytes >= 16) {
    let a = PRIME_1 + PRIME_2;
    let b = PRIME_2;
    let c: u32 = 0;
    let d: u32 = 0 - PRIME_1;
    for (; p + 16 <= end; p += 16) {
      a = rotl<u32>(a + load<u32>(p) * PRIME_2, 13) * PRIME_1;
      b = rotl<u32>(b + load<u32>(p, 4) * PRIME_2, 13) * PRIME_1;
      c = rotl<u32>(c + load<u32>(p, 8) * PRIME_2, 13) * PRIME_1;
      d = rotl<u32>(d + load<u32>(p, 12) * PRIME_2, 13) * PRIME_1;
    }
    hash = rotl<u32>(a, 1) + rotl<u32>(b, 7) + rotl<u32>(c, 12) + rotl<u32>(d, 18);
  }
  hash += bytes;
  for (; p + 4 <= end; p += 4) hash = rotl<u32>(hash + load<u32>(p) * PRIME_3, 17) * PRIME_4;
  for (; p < end; p++) hash = rotl<u32>(hash + <u32>load<u8>(p) * PRIME_5, 11) * PRIME_1;
  hash = (hash ^ (hash >> 15)) * PRIME_2;
  hash = (hash ^ (hash >> 13)) * PRIME_3;
  return hash ^ (hash >> 16);
}
