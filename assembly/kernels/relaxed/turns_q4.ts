import { PANEL_ROWS, Q4_BLOCK_BYTES } from "../../../core/layout/matrix";
import { keep } from "../simd/panel";
import { Product } from "../product";
import { panelBytesQ4, panelQ4 } from "./matmul_q4";
import { ADD, CONTINUE, STORE } from "./store";
import { Q4_ROW_BLOCK } from "./quantize";

/**
 * Two products with q4 weights for one or two tokens each, their matrices read in turns: after as many bytes of `a` as a panel of `b` has,
 * a panel of `b`. Where a run of addresses begins, reading waits; with two runs under way, the other one goes on (bench/RESULTS.md, "What
 * paid, and what did not"). Bits are those of matmulQ4 for the one and then for the other; `b` must not need what `a` gives.
 */
export function matmulsQ4(a: Product, b: Product): void {
  const panel = panelBytesQ4(a);
  const slice = panelBytesQ4(b);
  const ending = b.accumulate ? ADD : STORE;
  let w = a.w;
  let v = b.w;
  let done = 0;
  let ahead = 0;
  for (let first = 0; first < a.rows; first += PANEL_ROWS) {
    let shift: usize = 0;
    for (let at: usize = 0; at < panel; at += slice) {
      const bytes = min(slice, panel - at);
      ahead |= panelQ4(w, bytes, a, shift, (<usize>first) << 2, at > 0 ? CONTINUE : STORE);
      w += bytes;
      shift += (bytes / Q4_BLOCK_BYTES) * Q4_ROW_BLOCK;
      if (done >= b.rows) continue;
      ahead |= panelQ4(v, slice, b, 0, (<usize>done) << 2, ending);
      v += slice;
      done += PANEL_ROWS;
    }
  }
  for (; done < b.rows; done += PANEL_ROWS) {
    ahead |= panelQ4(v, slice, b, 0, (<usize>done) << 2, ending);
    v += slice;
  }
  keep(ahead);
}
