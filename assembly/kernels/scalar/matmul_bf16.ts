import { PANEL_ROWS } from "../../../core/layout/matrix";
import { bf16 } from "./bf16";
import { Product } from "../product";

/** matmul_f32.ts for weights in bfloat16: the upper halves of floats, so products and sums are those of f32, in the same order. */
export function matmulBF16(p: Product): void {
  const cols = p.cols;
  let w = p.w;
  for (let first = 0; first < p.rows; first += PANEL_ROWS) {
    for (let t = 0; t < p.n; t++) {
      const x = p.floats(t);
      const y = p.out(t) + (first << 2);
      for (let r = 0; r < PANEL_ROWS; r++) {
        let sum: f32 = 0;
        for (let c = 0; c < cols; c++) sum += bf16(w + ((c * PANEL_ROWS + r) << 1)) * load<f32>(x + (c << 2));
        const out = y + (r << 2);
        store<f32>(out, p.accumulate ? load<f32>(out) + sum : sum);
      }
    }
    w += (cols * PANEL_ROWS) << 1;
  }
}
