import * as L from "../../core/layout/product.ts";

/** What the matmul kernels are told (assembly/kernels/product.ts): addresses, strides in bytes. */
export interface ProductFields {
  /** Panels of weights. */
  readonly w: number;
  readonly rows: number;
  readonly cols: number;
  /** Input rows: f32, for f32 and bf16 weights, ... */
  readonly x?: number;
  readonly xStride?: number;
  /** ... or quantised, with their scales and sums. */
  readonly q?: number;
  readonly qStride?: number;
  readonly scales?: number;
  readonly sums?: number;
  readonly sumsStride?: number;
  /** u32 row indices of the input and of the output, and how many. */
  readonly xi: number;
  readonly yi: number;
  readonly n: number;
  readonly y: number;
  readonly yStride: number;
  /** Add to y instead of overwriting it. */
  readonly accumulate?: boolean;
}

/** Bytes that `writeProduct` writes. */
export const PRODUCT_ROOM = L.PRODUCT_BYTES + L.ACTIVATIONS_BYTES;

/** Writes a product for the matmul kernels at `at`, a multiple of 4. @returns its address */
export function writeProduct(memory: WebAssembly.Memory, at: number, p: ProductFields): number {
  const words = new Uint32Array(memory.buffer, at, PRODUCT_ROOM / 4);
  const input = L.PRODUCT_BYTES;
  const fields: readonly [field: number, value: number][] = [
    [L.PRODUCT_W, p.w],
    [L.PRODUCT_ROWS, p.rows],
    [L.PRODUCT_COLS, p.cols],
    [L.PRODUCT_INPUT, at + input],
    [L.PRODUCT_XI, p.xi],
    [L.PRODUCT_N, p.n],
    [L.PRODUCT_Y, p.y],
    [L.PRODUCT_Y_STRIDE, p.yStride],
    [L.PRODUCT_YI, p.yi],
    [L.PRODUCT_ACCUMULATE, p.accumulate === true ? 1 : 0],
    [input + L.ACTIVATIONS_X, p.x ?? 0],
    [input + L.ACTIVATIONS_X_STRIDE, p.xStride ?? 0],
    [input + L.ACTIVATIONS_Q, p.q ?? 0],
    [input + L.ACTIVATIONS_Q_STRIDE, p.qStride ?? 0],
    [input + L.ACTIVATIONS_SCALES, p.scales ?? 0],
    [input + L.ACTIVATIONS_SUMS, p.sums ?? 0],
    [input + L.ACTIVATIONS_SUMS_STRIDE, p.sumsStride ?? 0],
  ];
  for (const [field, value] of fields) words[field / 4] = value;
  return at;
}
