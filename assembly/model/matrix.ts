import {
  BLOCK_COLS,
  MATRIX_COLS,
  MATRIX_DATA,
  MATRIX_ROWS,
  MATRIX_TYPE,
  PANEL_ROWS,
  Q4_BLOCK_BYTES,
  Q8_BLOCK_BYTES,
  Q8_GROUP_BLOCKS,
  Q8_HEAD_BYTES,
  WEIGHT_BF16,
  WEIGHT_F32,
  WEIGHT_Q4,
  WEIGHT_Q8,
} from "../../core/layout/matrix";
import { matmulBF16, matmulF32, matmulQ4, matmulQ8, quantizeQ4, quantizeQ8 } from "../kernels";
import { Activations, Product } from "../kernels/product";
import { bf16 } from "../kernels/scalar/bf16";
import { q4NibbleAt } from "../kernels/scalar/matmul_q4";
import { q8ByteAt } from "../kernels/scalar/matmul_q8";
import { int, ptr } from "./descriptor";
import { Pass } from "./pass";
import { end, endRows, firstOf, lastOf, NONE, take, takeRows } from "../team";

/**
 * Bytes of weights that are worth taking by themselves: each run begins with a wait for memory of about a microsecond, as long as reading
 * 20 KB takes.
 */
const GRAIN_BYTES: usize = 65536;

/** Bytes of a matrix in panels. */
export function matrixBytes(type: i32, rows: i32, cols: i32): usize {
  const panels = (rows + PANEL_ROWS - 1) / PANEL_ROWS;
  const blocks = (cols + BLOCK_COLS - 1) / BLOCK_COLS;
  if (type === WEIGHT_F32) return <usize>panels * cols * PANEL_ROWS * 4;
  if (type === WEIGHT_BF16) return <usize>panels * cols * PANEL_ROWS * 2;
  if (type === WEIGHT_Q4) return <usize>panels * blocks * Q4_BLOCK_BYTES;
  const groups = (blocks + Q8_GROUP_BLOCKS - 1) / Q8_GROUP_BLOCKS;
  return <usize>panels * (groups * Q8_HEAD_BYTES + blocks * Q8_BLOCK_BYTES);
}

/** Whether products with weights of `type` take rows of f32 as they are. */
// @ts-ignore: decorator
@inline
function takesFloats(type: i32): bool {
  return type === WEIGHT_F32 || type === WEIGHT_BF16;
}

/** Whether rows that are prepared for weights of type `b` serve for weights of type `a`, too. Only `relaxed` has two quantised forms. */
export function sameRows(a: i32, b: i32): bool {
  return takesFloats(a) || a === b || !ASC_FEATURE_RELAXED_SIMD;
}

/** Quantises rows first..first + n - 1 for a matrix of `type`; f32 and bf16 weights take the rows as they are. */
export function quantizeRows(a: Activations, type: i32, first: i32, n: i32, cols: i32): void {
  if (takesFloats(type)) return;
  const t = <usize>first;
  const x = a.x + t * a.xStride;
  const q = a.q + t * a.qStride;
  const scale = a.scales + (t << 2);
  const sums = a.sums + t * a.sumsStride;
  if (type === WEIGHT_Q8) quantizeQ8(x, a.xStride, n, cols, q, a.qStride, scale, sums, a.sumsStride);
  else quantizeQ4(x, a.xStride, n, cols, q, a.qStride, scale, sums, a.sumsStride);
}

/** Section: `quantizeRows` of the first n rows. */
export function prepare(a: Activations, type: i32, n: i32, cols: i32): void {
  if (takesFloats(type)) return;
  let taken = NONE;
  while ((taken = takeRows(n)) !== NONE) quantizeRows(a, type, firstOf(taken), lastOf(taken) - firstOf(taken), cols);
  endRows(n);
}

/** Computes a product with weights of `type`. See kernels/scalar/matmul_*.ts. */
export function multiply(type: i32, product: Product): void {
  if (type === WEIGHT_F32) matmulF32(product);
  else if (type === WEIGHT_BF16) matmulBF16(product);
  else if (type === WEIGHT_Q8) matmulQ8(product);
  else matmulQ4(product);
}

/**
 * The product of `rows` rows of a matrix descriptor from row `first` on (a multiple of 16) and input rows 0..n - 1, into y's columns from
 * `first` on.
 */
export function multiplyRows(
  p: Pass,
  matrix: usize,
  first: i32,
  rows: i32,
  a: Activations,
  n: i32,
  y: usize,
  yStride: usize,
  accumulate: bool,
): void {
  const type = int(matrix, MATRIX_TYPE);
  const cols = int(matrix, MATRIX_COLS);
  const w = ptr(matrix, MATRIX_DATA) + matrixBytes(type, first, cols);
  multiply(
    type,
    p.product
      .weights(w, rows, cols)
      .of(a, p.iota, n)
      .into(y + ((<usize>first) << 2), yStride, p.iota, accumulate),
  );
}

/** Panels of a matrix of `rows` rows. */
// @ts-ignore: decorator
@inline
export function panels(rows: i32): i32 {
  return (rows + PANEL_ROWS - 1) / PANEL_ROWS;
}

/** Panels of a matrix to take at least, for a product with n rows. */
export function panelGrain(type: i32, cols: i32, n: i32): i32 {
  return <i32>(GRAIN_BYTES / (matrixBytes(type, PANEL_ROWS, cols) * n)) + 1;
}

/** Section without its end: y = W a for rows 0..n-1, or +=. */
export function share(p: Pass, matrix: usize, a: Activations, n: i32, y: usize, yStride: usize, accumulate: bool): void {
  const rows = int(matrix, MATRIX_ROWS);
  const grain = panelGrain(int(matrix, MATRIX_TYPE), int(matrix, MATRIX_COLS), n);
  let taken = NONE;
  while ((taken = take(panels(rows), grain)) !== NONE) {
    const first = firstOf(taken) * PANEL_ROWS;
    multiplyRows(p, matrix, first, min(rows, lastOf(taken) * PANEL_ROWS) - first, a, n, y, yStride, accumulate);
  }
}

/** Section: y = W a for the rows of the call. */
export function project(p: Pass, matrix: usize, a: Activations, y: usize, yStride: usize): void {
  share(p, matrix, a, p.n, y, yStride, false);
  end();
}

/** out = row `row` of a matrix as f32: how an embedding is looked up when it is also the head. */
export function matrixRow(matrix: usize, row: i32, out: usize): void {
  const type = int(matrix, MATRIX_TYPE);
  const cols = int(matrix, MATRIX_COLS);
  const r = row % PANEL_ROWS;
  const p = ptr(matrix, MATRIX_DATA) + matrixBytes(type, row - r, cols);
  for (let c = 0; c < cols; c++) store<f32>(out + (c << 2), weightAt(type, p, r, c));
}

/** Weight (r, c) of a panel; the layouts are described in kernels/scalar/matmul_*.ts. */
function weightAt(type: i32, panel: usize, r: i32, c: i32): f32 {
  if (type === WEIGHT_F32) return load<f32>(panel + ((c * PANEL_ROWS + r) << 2));
  if (type === WEIGHT_BF16) return bf16(panel + ((c * PANEL_ROWS + r) << 1));
  if (type === WEIGHT_Q8) {
    const cols = BLOCK_COLS * Q8_GROUP_BLOCKS;
    const group = panel + (c / cols) * (Q8_HEAD_BYTES + Q8_GROUP_BLOCKS * Q8_BLOCK_BYTES);
    return <f32>(<i32>load<u8>(group + Q8_HEAD_BYTES + q8ByteAt(r, c % cols)) - 128) * bf16(group + (r << 1));
  }
  const block = panel + (c / BLOCK_COLS) * Q4_BLOCK_BYTES;
  return <f32>((q4NibbleAt(block, r, c % BLOCK_COLS) - 8) << (r & 4)) * bf16(block + (r << 1));
}
