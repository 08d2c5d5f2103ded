import { finishChecksum, firstLane, joinLanes, PRIME_1, PRIME_2, STRIPE_BYTES, tailByte, tailWord } from "../../../core/checksum";

// @ts-ignore: decorator
@inline
function round(lane: i32, word: i32): i32 {
  return rotl<i32>(lane + word * PRIME_2, 13) * PRIME_1;
}

/** Takes whole stripes into the four lanes of a checksum, i32 [4] at `lanes` (core/checksum.ts): a file's are computed while it is read. */
export function checksumStripes(lanes: usize, p: usize, stripes: i32): void {
  let a = load<i32>(lanes);
  let b = load<i32>(lanes, 4);
  let c = load<i32>(lanes, 8);
  let d = load<i32>(lanes, 12);
  for (let i = 0; i < stripes; i++, p += STRIPE_BYTES) {
    a = round(a, load<i32>(p));
    b = round(b, load<i32>(p, 4));
    c = round(c, load<i32>(p, 8));
    d = round(d, load<i32>(p, 12));
  }
  store<i32>(lanes, a);
  store<i32>(lanes, b, 4);
  store<i32>(lanes, c, 8);
  store<i32>(lanes, d, 12);
}

/** The checksum of bytes that are there as a whole. Keeps nothing in memory: statics would lie where the host's memory begins. */
export function checksum(p: usize, bytes: u32): u32 {
  const end = p + bytes;
  let a = firstLane(0);
  let b = firstLane(1);
  let c = firstLane(2);
  let d = firstLane(3);
  for (; p + STRIPE_BYTES <= end; p += STRIPE_BYTES) {
    a = round(a, load<i32>(p));
    b = round(b, load<i32>(p, 4));
    c = round(c, load<i32>(p, 8));
    d = round(d, load<i32>(p, 12));
  }
  let state = joinLanes(a, b, c, d, bytes);
  for (; p + 4 <= end; p += 4) state = tailWord(state, load<i32>(p));
  for (; p < end; p++) state = tailByte(state, load<u8>(p));
  return finishChecksum(state);
}
