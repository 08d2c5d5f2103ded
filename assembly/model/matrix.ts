import {
  BLOCK_COLS, MATRIX_COLS, MATRIX_DATA, MATRIX_ROWS, MATRIX_TYPE, PANEL_ROWS, Q4_BLOCK_BYTES, Q8_BLOCK_BYTES, WEIGHT_F32, WEIGHT_Q8,
} from "../layout";
import { matmulF32, matmulQ4, matmulQ8, quantize } from "../kernels";
import { int, ptr } from "./descriptor";

/** Rows of activations in both forms: f32, and quantised when the weights ask for it. */
@unmanaged
export class Activations {
  x: usize;
  /** Bytes. */
  xStride: usize;
  q: usize;
  qStride: usize;
  scale: usize;
  sums: usize;
  sumsStride: usize;
}

/** Bytes of a matrix in panels. */
export function matrixBytes(type: i32, rows: i32, cols: i32): usize {
  const panels = (rows + PANEL_ROWS - 1) / PANEL_ROWS;
  const blocks = (cols + BLOCK_COLS - 1) / BLOCK_COLS;
  if (type === WEIGHT_F32) return <usize>panels * cols * PANEL_ROWS * 4;
  return <usize>panels * blocks * (type === WEIGHT_Q8 ? Q8_BLOCK_BYTES : Q4_BLOCK_BYTES);
}

/** Quantises the first n rows for a matrix of `type`; f32 weights take the rows as they are. */
export function prepare(a: Activations, type: i32, n: i32, cols: i32): void {
  if (type === WEIGHT_F32) return;
  quantize(a.x, a.xStride, n, cols, a.q, a.qStride, a.scale, a.sums, a.sumsStride);
}

/** y[yi[t]] = W a[xi[t]], or +=, for t < n. See kernels/scalar/matmul_*.ts. */
export function multiply(
  type: i32, w: usize, rows: i32, cols: i32, a: Activations, xi: usize, n: i32, y: usize, yStride: usize, yi: usize, accumulate: bool,
): void {
  if (type === WEIGHT_F32) matmulF32(w, rows, cols, a.x, a.xStride, xi, n, y, yStride, yi, accumulate);
  else if (type === WEIGHT_Q8) matmulQ8(w, rows, cols, a.q, a.qStride, a.scale, a.sums, a.sumsStride, xi, n, y, yStride, yi, accumulate);
  else matmulQ4(w, rows, cols, a.q, a.qStride, a.scale, a.sums, a.sumsStride, xi, n, y, yStride, yi, accumulate);
}

/** `multiply` for a matrix descriptor and all rows 0..n-1 (`iota`: the identity index list). */
export function project(matrix: usize, a: Activations, iota: usize, n: i32, y: usize, yStride: usize): void {
  multiply(
    int(matrix, MATRIX_TYPE), ptr(matrix, MATRIX_DATA), int(matrix, MATRIX_ROWS), int(matrix, MATRIX_COLS), a, iota, n, y, yStride, iota, false,
  );
}

/** out = row `row` of a matrix as f32: how an embedding is looked up when it is also the head. */
export function matrixRow(matrix: usize, row: i32, out: usize): void {
  const type = int(matrix, MATRIX_TYPE);
  const cols = int(matrix, MATRIX_COLS);
  const r = row % PANEL_ROWS;
  let p = ptr(matrix, MATRIX_DATA) + matrixBytes(type, row - r, cols);
  if (type === WEIGHT_F32) {
    for (let c = 0; c < cols; c++) store<f32>(out + (c << 2), load<f32>(p + ((c * PANEL_ROWS + r) << 2)));
    return;
  }
  for (let c = 0; c < cols; c++) {
    const k = c % BLOCK_COLS;
    const scale = reinterpret<f32>(<u32>load<u16>(p + (r << 1)) << 16);
    let q: i32;
    if (type === WEIGHT_Q8) {
      const word = ((r >> 3) << 3) + ((r & 3) << 1) + (k & 1);
      q = <i32>load<u8>(p + 32 + (k >> 1) * 32 + word * 2 + ((r >> 2) & 1)) - 128;
    } else {
      const group = r >> 2;
      const word = <i32>load<u16>(p + 32 + (k >> 1) * 16 + (((r & 3) << 1) + (k & 1)) * 2);
      q = (((word >> (group << 2)) & 15) - 8) << (group === 3 ? 0 : group << 2);
    }
    store<f32>(out + (c << 2), <f32>q * scale);
    if (k === BLOCK_COLS - 1) p += type === WEIGHT_Q8 ? Q8_BLOCK_BYTES : Q4_BLOCK_BYTES;
  }
}
