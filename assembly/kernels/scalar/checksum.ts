import {
  finishChecksum, firstLane, joinLanes, LANES, PRIME_1, PRIME_2, STRIPE_BYTES, tailByte, tailWord,
} from "../../../core/checksum";

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

const held = memory.data(16);

/** The checksum of bytes that are there as a whole. */
export function checksum(p: usize, bytes: u32): u32 {
  for (let lane = 0; lane < LANES; lane++) store<i32>(held + (lane << 2), firstLane(lane));
  const stripes = <i32>(bytes / STRIPE_BYTES);
  checksumStripes(held, p, stripes);
  let state = joinLanes(load<i32>(held), load<i32>(held, 4), load<i32>(held, 8), load<i32>(held, 12), bytes);
  const end = p + bytes;
  p += stripes * STRIPE_BYTES;
  for (; p + 4 <= end; p += 4) state = tailWord(state, load<i32>(p));
  for (; p < end; p++) state = tailByte(state, load<u8>(p));
  return finishChecksum(state);
}
