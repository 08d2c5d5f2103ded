import { PANEL_ROWS } from "../../../core/layout";

/**
 * y[yi[t]] = W x[xi[t]], or += with `accumulate`, for t = 0..n-1. W is f32 in panels (layout.ts), x and y are f32 rows
 * `xStride` and `yStride` bytes apart, xi and yi are u32 row indices. y rows have room for whole panels.
 * Each output is the sum over columns in ascending order: every tier gives the same bits.
 */
export function matmulF32(
  w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xi: usize, n: i32, y: usize, yStride: usize, yi: usize, accumulate: bool,
): void {
  for (let first = 0; first < rows; first += PANEL_ROWS) {
    for (let t = 0; t < n; t++) {
      const xt = x + <usize>load<u32>(xi + (t << 2)) * xStride;
      const yt = y + <usize>load<u32>(yi + (t << 2)) * yStride + (first << 2);
      for (let r = 0; r < PANEL_ROWS; r++) {
        let sum: f32 = 0;
        for (let c = 0; c < cols; c++) sum += load<f32>(w + ((c * PANEL_ROWS + r) << 2)) * load<f32>(xt + (c << 2));
        const out = yt + (r << 2);
        store<f32>(out, accumulate ? load<f32>(out) + sum : sum);
      }
    }
    w += (cols * PANEL_ROWS) << 2;
  }
}
