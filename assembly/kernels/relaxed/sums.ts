import { SUMS_BYTES, TEAM_SUMS } from "../../../core/layout/team";
import { team, threadIndex } from "../../team";

// V8 keeps sums that an inner loop does not touch in registers and moves the loop's own to the stack, where each addition waits for the
// one before. So a kernel of eight sums and eight products at once keeps its sums in memory itself (bench/RESULTS.md, "The tier relaxed").

// @ts-ignore: decorator
@inline
function room(): usize {
  return team() + TEAM_SUMS + <usize>threadIndex() * SUMS_BYTES;
}

/** Eight v128 that are this thread's own until its next call: four from each of two rows. */
// @ts-ignore: decorator
@inline
export function sumsOf(y0: usize, y1: usize): usize {
  const at = room();
  for (let i: usize = 0; i < <usize>SUMS_BYTES / 2; i += 16) {
    v128.store(at + i, v128.load(y0 + i));
    v128.store(at + SUMS_BYTES / 2 + i, v128.load(y1 + i));
  }
  return at;
}

/** The same, zeroed. */
// @ts-ignore: decorator
@inline
export function clearedSums(): usize {
  const at = room();
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < <usize>SUMS_BYTES; i += 64) {
    v128.store(at + i, zero);
    v128.store(at + i, zero, 16);
    v128.store(at + i, zero, 32);
    v128.store(at + i, zero, 48);
  }
  return at;
}
