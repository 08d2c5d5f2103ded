import { BLOCK_COLS, PANEL_ROWS, Q4_BLOCK_BYTES, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES, WEIGHT_BF16, WEIGHT_F32, WEIGHT_Q4 } from "../../assembly/layout";

// Mirrors src/architecture/panel.ts, in 64 bits: sizes that a file asks for are known before they are taken for addresses.

/** `n` rounded up to a multiple of `step`, a power of two. */
export function alignUp(n: u64, step: u64): u64 {
  return (n + step - 1) & ~(step - 1);
}

/** Rows rounded up to whole panels. */
export function paddedRows(rows: i32): u64 {
  return alignUp(rows, PANEL_ROWS);
}

/** Bytes of one panel (16 rows) of `cols` columns. */
export function panelBytes(type: i32, cols: i32): u64 {
  if (type === WEIGHT_F32) return <u64>cols * PANEL_ROWS * 4;
  if (type === WEIGHT_BF16) return <u64>cols * PANEL_ROWS * 2;
  const blocks = (<u64>cols + BLOCK_COLS - 1) / BLOCK_COLS;
  if (type === WEIGHT_Q4) return blocks * Q4_BLOCK_BYTES;
  return ((blocks + Q8_GROUP_BLOCKS - 1) / Q8_GROUP_BLOCKS) * Q8_HEAD_BYTES + blocks * Q8_BLOCK_BYTES;
}

/** Bytes of a matrix in panels. */
export function matrixBytes(type: i32, rows: i32, cols: i32): u64 {
  return (paddedRows(rows) / PANEL_ROWS) * panelBytes(type, cols);
}
