// Bare tiles: what products could do at most. Four tokens by eight rows, as in the kernels' tiles (assembly/kernels/*/tile_*.ts): the same
// unpacking, products and scales, over one block that stays in the first cache, with all sums in registers. No walk over weights, no
// activations of other tokens, nothing stored before the end. bench/rows/tile.ts runs them.
import { relaxedQ4 } from "./relaxed_q4";
import { relaxedQ8 } from "./relaxed_q8";
import { simdQ4 } from "./simd_q4";
import { simdQ8 } from "./simd_q8";

/** Where the block, and behind it the activations, may lie. */
export const room: usize = memory.data(8192, 64);

/** `blocks` blocks of 32 columns with q4 weights. */
export function tileQ4(blocks: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxedQ4(blocks, room);
  else simdQ4(blocks, room);
}

/** `groups` groups of `blocks` blocks with q8 weights. */
export function tileQ8(groups: i32, blocks: i32): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxedQ8(groups, blocks, room);
  else simdQ8(groups, blocks, room);
}
