import { PANEL_ROWS } from "../../../core/layout";
import { bf16 } from "./bf16";

/** matmul_f32.ts for weights in bfloat16: the upper halves of floats, so products and sums are those of f32, in the same order. */
export function matmulBF16(
  w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xi: usize, n: i32, y: usize, yStride: usize, yi: usize, accumulate: bool,
): void {
  for (let first = 0; first < rows; first += PANEL_ROWS) {
    for (let t = 0; t < n; t++) {
      const xt = x + <usize>load<u32>(xi + (t << 2)) * xStride;
      const yt = y + <usize>load<u32>(yi + (t << 2)) * yStride + (first << 2);
      for (let r = 0; r < PANEL_ROWS; r++) {
        let sum: f32 = 0;
        for (let c = 0; c < cols; c++) sum += bf16(w + ((c * PANEL_ROWS + r) << 1)) * load<f32>(xt + (c << 2));
        const out = yt + (r << 2);
        store<f32>(out, accumulate ? load<f32>(out) + sum : sum);
      }
    }
    w += (cols * PANEL_ROWS) << 1;
  }
}
