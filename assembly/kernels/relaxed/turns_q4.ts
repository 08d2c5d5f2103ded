import { PANEL_ROWS, Q4_BLOCK_BYTES } from "../../../core/layout";
import { keep } from "../simd/panel";
import { Product } from "../product";
import { panelQ4 } from "./matmul_q4";
import { ADD, CONTINUE, STORE } from "./store";
import { Q4_ROW_BLOCK } from "./quantize";

/**
 * Two products with q4 weights for one or two tokens each, their matrices read in turns: after as many bytes of `a` as a panel of `b` has, a
 * panel of `b`. Where a run of addresses begins, reading waits; with two runs under way, the other one goes on (bench/RESULTS.md, "What paid,
 * and what did not"). Bits are those of matmulQ4 for the one and then for the other; `b` must not need what `a` gives.
 */
export function matmulsQ4(a: Product, b: Product): void {
  const slice = b.panelBytes;
  const bEnding = b.accumulate ? ADD : STORE;
  let bLeft = b.panels;
  let bw = b.w;
  let by = b.y;
  let ahead = 0;
  let w = a.w;
  let y = a.y;
  for (let left = a.panels; left > 0; left--) {
    let x = a.x;
    for (let at: usize = 0; at < a.panelBytes; at += slice) {
      const bytes = min(slice, a.panelBytes - at);
      ahead |= panelQ4(w, bytes, x, a.xStride, a.xi, a.n, y, a.yStride, a.yi, at > 0 ? CONTINUE : STORE);
      w += bytes;
      x += (bytes / Q4_BLOCK_BYTES) * Q4_ROW_BLOCK;
      if (bLeft === 0) continue;
      ahead |= panelQ4(bw, slice, b.x, b.xStride, b.xi, b.n, by, b.yStride, b.yi, bEnding);
      bw += slice;
      by += PANEL_ROWS << 2;
      bLeft--;
    }
    y += PANEL_ROWS << 2;
  }
  for (; bLeft > 0; bLeft--) {
    ahead |= panelQ4(bw, slice, b.x, b.xStride, b.xi, b.n, by, b.yStride, b.yi, bEnding);
    bw += slice;
    by += PANEL_ROWS << 2;
  }
  keep(ahead);
}
