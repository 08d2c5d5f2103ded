import { SUMS_BYTES, TEAM_SUMS } from "../../layout";
import { team, threadIndex } from "../../model/team";

// V8 keeps sums that an inner loop does not touch in registers and moves the loop's own to the stack, where each addition waits for
// the one before. So a kernel of eight sums and eight products at once keeps its sums in memory itself (bench/RESULTS.md, "The tier relaxed").

/** Eight v128, zeroed, that are this thread's own until its next call. */
// @ts-ignore: decorator
@inline
export function clearedSums(): usize {
  const at = team() + TEAM_SUMS + <usize>threadIndex() * SUMS_BYTES;
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < <usize>SUMS_BYTES; i += 64) {
    v128.store(at + i, zero);
    v128.store(at + i, zero, 16);
    v128.store(at + i, zero, 32);
    v128.store(at + i, zero, 48);
  }
  return at;
}
