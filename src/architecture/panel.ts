import {
  BLOCK_COLS, PANEL_ROWS, Q4_BLOCK_BYTES, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES, WEIGHT_BF16, WEIGHT_F32, WEIGHT_Q4, WEIGHT_Q8,
} from "../../assembly/layout.ts";

/** How the weights of a matrix are stored: WEIGHT_F32, WEIGHT_Q8, WEIGHT_Q4 or WEIGHT_BF16 of assembly/layout.ts. */
export type WeightType = 0 | 1 | 2 | 3;
export const F32: WeightType = WEIGHT_F32;
export const Q8: WeightType = WEIGHT_Q8;
export const Q4: WeightType = WEIGHT_Q4;
export const BF16: WeightType = WEIGHT_BF16;

/** `n` rounded up to a multiple of `step`. */
export function alignUp(n: number, step: number): number {
  return Math.ceil(n / step) * step;
}

/** Rows rounded up to whole panels: also the floats that a product of so many rows writes. */
export function paddedRows(rows: number): number {
  return alignUp(rows, PANEL_ROWS);
}

/** Bytes of one panel (16 rows) of `cols` columns. */
export function panelBytes(type: WeightType, cols: number): number {
  if (type === F32) return cols * PANEL_ROWS * 4;
  if (type === BF16) return cols * PANEL_ROWS * 2;
  const blocks = Math.ceil(cols / BLOCK_COLS);
  if (type === Q4) return blocks * Q4_BLOCK_BYTES;
  return Math.ceil(blocks / Q8_GROUP_BLOCKS) * Q8_HEAD_BYTES + blocks * Q8_BLOCK_BYTES;
}

/** Where 16 bf16 in a row lie in a panel: `count` times, `stride` bytes apart, from its start; scales of a quantised one, all of a bf16 one. */
export function scaleGroups(type: WeightType, cols: number): { count: number; stride: number } {
  if (type === BF16) return { count: cols, stride: PANEL_ROWS * 2 };
  const blocks = Math.ceil(cols / BLOCK_COLS);
  if (type === Q4) return { count: blocks, stride: Q4_BLOCK_BYTES };
  return { count: Math.ceil(blocks / Q8_GROUP_BLOCKS), stride: Q8_HEAD_BYTES + Q8_GROUP_BLOCKS * Q8_BLOCK_BYTES };
}

/** Bytes of a matrix in panels; `matrixBytes` of the engine gives the same. */
export function matrixBytes(type: WeightType, rows: number, cols: number): number {
  return (paddedRows(rows) / PANEL_ROWS) * panelBytes(type, cols);
}
