import { dot4 } from "./dot";

const work = memory.data(32, 16);

/**
 * 1 when the byte product gives what it must on this machine and compiler, 0 else: Node 20's baseline compiler does not
 * (behind its flag for relaxed SIMD). A host calls this before it trusts the tier.
 */
export function dotWorks(): i32 {
  for (let round = 0; round < 64; round++) {
    for (let k = 0; k < 16; k++) {
      store<i8>(work + k, <i8>(round * 37 + k * 101 - 128));
      store<u8>(work + k, <u8>((round * 53 + k * 29 + 127) & 127), 16);
    }
    const got = dot4(i32x4.splat(round << 20), v128.load(work), v128.load(work, 16));
    if (i32x4.extract_lane(got, 0) !== plain(round, 0) || i32x4.extract_lane(got, 1) !== plain(round, 1)) return 0;
    if (i32x4.extract_lane(got, 2) !== plain(round, 2) || i32x4.extract_lane(got, 3) !== plain(round, 3)) return 0;
  }
  return 1;
}

function plain(round: i32, lane: i32): i32 {
  let sum = round << 20;
  for (let k = lane * 4; k < lane * 4 + 4; k++) sum += <i32>load<i8>(work + k) * <i32>load<u8>(work + k, 16);
  return sum;
}
