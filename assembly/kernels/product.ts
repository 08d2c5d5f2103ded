import {
  ACTIVATIONS_Q,
  ACTIVATIONS_Q_STRIDE,
  ACTIVATIONS_SCALES,
  ACTIVATIONS_SUMS,
  ACTIVATIONS_SUMS_STRIDE,
  ACTIVATIONS_X,
  ACTIVATIONS_X_STRIDE,
  PRODUCT_ACCUMULATE,
  PRODUCT_COLS,
  PRODUCT_INPUT,
  PRODUCT_N,
  PRODUCT_ROWS,
  PRODUCT_W,
  PRODUCT_XI,
  PRODUCT_Y,
  PRODUCT_YI,
  PRODUCT_Y_STRIDE,
} from "../../core/layout/product";

/**
 * Rows of activations in both forms: f32, and quantised where the weights ask for it (scalar/quantize.ts, relaxed/quantize.ts). Strides
 * are bytes.
 */
@unmanaged
export class Activations {
  x: usize;
  xStride: usize;
  q: usize;
  qStride: usize;
  scales: usize;
  sums: usize;
  sumsStride: usize;
}

/** What a product's kernel is told: y[yi[t]] = W input[xi[t]], or += with `accumulate`, for t = 0..n - 1. */
@unmanaged
export class Product {
  /** `rows` x `cols` weights in panels (core/layout/matrix.ts). */
  w: usize;
  rows: i32;
  cols: i32;
  input: Activations;
  /** u32 row indices. */
  xi: usize;
  n: i32;
  /** f32 rows with room for whole panels, `yStride` bytes apart; yi are u32 row indices. */
  y: usize;
  yStride: usize;
  yi: usize;
  accumulate: bool;

  weights(w: usize, rows: i32, cols: i32): this {
    this.w = w;
    this.rows = rows;
    this.cols = cols;
    return this;
  }

  of(input: Activations, xi: usize, n: i32): this {
    this.input = input;
    this.xi = xi;
    this.n = n;
    return this;
  }

  into(y: usize, yStride: usize, yi: usize, accumulate: bool): this {
    this.y = y;
    this.yStride = yStride;
    this.yi = yi;
    this.accumulate = accumulate;
    return this;
  }

  // Row t of each, by its index.

  // @ts-ignore: decorator
  @inline
  floats(t: i32): usize {
    return this.input.x + this.inputRow(t) * this.input.xStride;
  }

  // @ts-ignore: decorator
  @inline
  quantised(t: i32): usize {
    return this.input.q + this.inputRow(t) * this.input.qStride;
  }

  // @ts-ignore: decorator
  @inline
  scale(t: i32): f32 {
    return load<f32>(this.input.scales + (this.inputRow(t) << 2));
  }

  // @ts-ignore: decorator
  @inline
  sums(t: i32): usize {
    return this.input.sums + this.inputRow(t) * this.input.sumsStride;
  }

  // @ts-ignore: decorator
  @inline
  out(t: i32): usize {
    return this.y + <usize>load<u32>(this.yi + ((<usize>t) << 2)) * this.yStride;
  }

  // @ts-ignore: decorator
  @inline
  private inputRow(t: i32): usize {
    return <usize>load<u32>(this.xi + ((<usize>t) << 2));
  }
}

// Hosts write these by core/layout/product.ts.
if (
  offsetof<Activations>("x") !== ACTIVATIONS_X ||
  offsetof<Activations>("xStride") !== ACTIVATIONS_X_STRIDE ||
  offsetof<Activations>("q") !== ACTIVATIONS_Q ||
  offsetof<Activations>("qStride") !== ACTIVATIONS_Q_STRIDE ||
  offsetof<Activations>("scales") !== ACTIVATIONS_SCALES ||
  offsetof<Activations>("sums") !== ACTIVATIONS_SUMS ||
  offsetof<Activations>("sumsStride") !== ACTIVATIONS_SUMS_STRIDE ||
  offsetof<Product>("w") !== PRODUCT_W ||
  offsetof<Product>("rows") !== PRODUCT_ROWS ||
  offsetof<Product>("cols") !== PRODUCT_COLS ||
  offsetof<Product>("input") !== PRODUCT_INPUT ||
  offsetof<Product>("xi") !== PRODUCT_XI ||
  offsetof<Product>("n") !== PRODUCT_N ||
  offsetof<Product>("y") !== PRODUCT_Y ||
  offsetof<Product>("yStride") !== PRODUCT_Y_STRIDE ||
  offsetof<Product>("yi") !== PRODUCT_YI ||
  offsetof<Product>("accumulate") !== PRODUCT_ACCUMULATE
) {
  ERROR("core/layout/product.ts and kernels/product.ts differ");
}
