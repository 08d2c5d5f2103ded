import {
  BLOCK_COLS,
  PANEL_ROWS,
  Q4_BLOCK_BYTES,
  Q8_BLOCK_BYTES,
  Q8_GROUP_BLOCKS,
  Q8_HEAD_BYTES,
  WEIGHT_BF16,
  WEIGHT_F32,
  WEIGHT_Q4,
} from "./layout/matrix.ts";
import { alignUp, ceilDivide } from "./numbers.ts";

// Sizes of matrices in panels (layout/matrix.ts). Weight types are its WEIGHT_*; sizes are f64, so that what a file asks for is known
// exactly before it is taken for an address.

/** Rows rounded up to whole panels: also the floats that a product of so many rows writes. */
export function paddedRows(rows: f64): f64 {
  return alignUp(rows, PANEL_ROWS);
}

/** Bytes of one panel (16 rows) of `cols` columns. */
export function panelBytes(type: i32, cols: f64): f64 {
  if (type === WEIGHT_F32) return cols * PANEL_ROWS * 4;
  if (type === WEIGHT_BF16) return cols * PANEL_ROWS * 2;
  const blocks = ceilDivide(cols, BLOCK_COLS);
  if (type === WEIGHT_Q4) return blocks * Q4_BLOCK_BYTES;
  return ceilDivide(blocks, Q8_GROUP_BLOCKS) * Q8_HEAD_BYTES + blocks * Q8_BLOCK_BYTES;
}

/** How often 16 bf16 in a row lie in a panel: scales of a quantised one, all of a bf16 one. */
export function scaleGroups(type: i32, cols: f64): f64 {
  if (type === WEIGHT_BF16) return cols;
  const blocks = ceilDivide(cols, BLOCK_COLS);
  return type === WEIGHT_Q4 ? blocks : ceilDivide(blocks, Q8_GROUP_BLOCKS);
}

/** Bytes from one of those 16 bf16 to the next; the first begin at the panel's start. */
export function scaleStride(type: i32): i32 {
  if (type === WEIGHT_BF16) return PANEL_ROWS * 2;
  return type === WEIGHT_Q4 ? Q4_BLOCK_BYTES : Q8_HEAD_BYTES + Q8_GROUP_BLOCKS * Q8_BLOCK_BYTES;
}

/** Bytes of a matrix in panels; `matrixBytes` of the engine gives the same. */
export function matrixBytes(type: i32, rows: f64, cols: f64): f64 {
  return ceilDivide(rows, PANEL_ROWS) * panelBytes(type, cols);
}
