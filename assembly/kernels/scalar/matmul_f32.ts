import { PANEL_ROWS } from "../../../core/layout/matrix";
import { Product } from "../product";

/** A product (product.ts) with weights in f32. Each output is the sum over columns in ascending order: every tier gives the same bits. */
export function matmulF32(p: Product): void {
  const cols = p.cols;
  let w = p.w;
  for (let first = 0; first < p.rows; first += PANEL_ROWS) {
    for (let t = 0; t < p.n; t++) {
      const x = p.floats(t);
      const y = p.out(t) + (first << 2);
      for (let r = 0; r < PANEL_ROWS; r++) {
        let sum: f32 = 0;
        for (let c = 0; c < cols; c++) sum += load<f32>(w + ((c * PANEL_ROWS + r) << 2)) * load<f32>(x + (c << 2));
        const out = y + (r << 2);
        store<f32>(out, p.accumulate ? load<f32>(out) + sum : sum);
      }
    }
    w += (cols * PANEL_ROWS) << 2;
  }
}
