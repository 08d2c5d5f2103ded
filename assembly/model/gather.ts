import {
  BLOCK_COLS,
  MATRIX_COLS,
  MATRIX_DATA,
  MATRIX_TYPE,
  PANEL_ROWS,
  Q8_BLOCK_BYTES,
  Q8_GROUP_BLOCKS,
  Q8_HEAD_BYTES,
  SCALE_BYTES,
  WEIGHT_F32,
  WEIGHT_Q4,
} from "../../core/layout/matrix";
import { q8ByteAt } from "../kernels/scalar/matmul_q8";
import { int, ptr } from "./descriptor";
import { matrixBytes } from "./matrix";
import { copyNibbles, roundBytes } from "./gather_q4";

/**
 * Packs rows ids[0..count-1] (u32) of an f32, q8 or q4 matrix as a matrix [count, cols] at `out`, which holds zeros. Of the same `type`,
 * the stored values are copied, so a product with a gathered row has the bits of a product with the original; from q8 to q4, they are
 * rounded.
 */
export function gatherRows(matrix: usize, ids: usize, count: i32, out: usize, type: i32): void {
  const source = int(matrix, MATRIX_TYPE);
  const cols = int(matrix, MATRIX_COLS);
  const panel = matrixBytes(source, PANEL_ROWS, cols);
  const outPanel = matrixBytes(type, PANEL_ROWS, cols);
  for (let i = 0; i < count; i++) {
    const row = load<u32>(ids + (i << 2));
    const from = ptr(matrix, MATRIX_DATA) + <usize>(row / PANEL_ROWS) * panel;
    const to = out + <usize>(i / PANEL_ROWS) * outPanel;
    if (type === WEIGHT_F32) copyFloats(from, row % PANEL_ROWS, to, i % PANEL_ROWS, cols);
    else if (source === WEIGHT_Q4) copyNibbles(from, row % PANEL_ROWS, to, i % PANEL_ROWS, cols);
    else if (type === WEIGHT_Q4) roundBytes(from, row % PANEL_ROWS, to, i % PANEL_ROWS, cols);
    else copyBytes(from, row % PANEL_ROWS, to, i % PANEL_ROWS, cols);
  }
}

function copyFloats(from: usize, r: i32, to: usize, s: i32, cols: i32): void {
  for (let c = 0; c < cols; c++) store<f32>(to + ((c * PANEL_ROWS + s) << 2), load<f32>(from + ((c * PANEL_ROWS + r) << 2)));
}

/** q8: a scale and a sum for each group of blocks, and a byte for each column, zero padding included (kernels/scalar/matmul_q8.ts). */
function copyBytes(from: usize, r: i32, to: usize, s: i32, cols: i32): void {
  let blocks = (cols + BLOCK_COLS - 1) / BLOCK_COLS;
  while (blocks > 0) {
    const here = min(blocks, Q8_GROUP_BLOCKS);
    store<u16>(to + (s << 1), load<u16>(from + (r << 1)));
    store<u16>(to + (s << 1), load<u16>(from + (r << 1), SCALE_BYTES), SCALE_BYTES);
    for (let c = 0; c < here * BLOCK_COLS; c++) {
      store<u8>(to + Q8_HEAD_BYTES + q8ByteAt(s, c), load<u8>(from + Q8_HEAD_BYTES + q8ByteAt(r, c)));
    }
    const bytes = Q8_HEAD_BYTES + here * Q8_BLOCK_BYTES;
    from += bytes;
    to += bytes;
    blocks -= here;
  }
}
