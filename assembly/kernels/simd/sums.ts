import { SUMS_BYTES, TEAM_SUMS } from "../../../core/layout/team";
import { team, threadIndex } from "../../team";

// V8 keeps sums that an inner loop does not touch in registers and moves the loop's own to the stack, where each addition waits for the
// one before. So a kernel of eight sums and eight products at once keeps its sums in memory itself (bench/RESULTS.md, "The tier relaxed").

/** Bytes of a token's sixteen sums. */
export const TOKEN_SUMS: usize = 64;

// @ts-ignore: decorator
@inline
function room(): usize {
  return team() + TEAM_SUMS + <usize>threadIndex() * SUMS_BYTES;
}

/** Sums of two tokens that are this thread's own until its next call, as they are in two rows. */
// @ts-ignore: decorator
@inline
export function sumsOf(y0: usize, y1: usize): usize {
  const at = room();
  for (let i: usize = 0; i < TOKEN_SUMS; i += 16) {
    v128.store(at + i, v128.load(y0 + i));
    v128.store(at + TOKEN_SUMS + i, v128.load(y1 + i));
  }
  return at;
}

/** Zeroed sums of `tokens` tokens, four at most. */
// @ts-ignore: decorator
@inline
export function clearedSums(tokens: i32): usize {
  const at = room();
  const zero = f32x4.splat(0);
  for (let i: usize = 0; i < <usize>tokens * TOKEN_SUMS; i += TOKEN_SUMS) {
    v128.store(at + i, zero);
    v128.store(at + i, zero, 16);
    v128.store(at + i, zero, 32);
    v128.store(at + i, zero, 48);
  }
  return at;
}
