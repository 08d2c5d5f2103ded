import { PANEL_ROWS } from "../../../core/layout/matrix";
import { mulAdd } from "./lanes";
import { scale4 } from "./panel";
import { Product } from "../product";

/**
 * SIMD form of scalar/matmul_bf16.ts: a lane is a row, so sums run over the columns in the same order: same bits (but for fused products
 * in `relaxed`).
 */
export function matmulBF16(p: Product): void {
  const panelBytes = <usize>p.cols * PANEL_ROWS * 2;
  const accumulate = p.accumulate;
  let w = p.w;
  for (let first = 0; first < p.rows; first += PANEL_ROWS) {
    const column = (<usize>first) << 2;
    let t = 0;
    for (; t + 2 <= p.n; t += 2) panel2(w, panelBytes, p.floats(t), p.floats(t + 1), p.out(t) + column, p.out(t + 1) + column, accumulate);
    if (t < p.n) panel1(w, panelBytes, p.floats(t), p.out(t) + column, accumulate);
    w += panelBytes;
  }
}

// @ts-ignore: decorator
@inline
function finish(y: usize, offset: usize, f: v128, accumulate: bool): void {
  v128.store(y + offset, accumulate ? f32x4.add(v128.load(y + offset), f) : f);
}

function panel1(w: usize, bytes: usize, x: usize, y: usize, accumulate: bool): void {
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let f2 = f0;
  let f3 = f0;
  const end = w + bytes;
  while (w < end) {
    const v = v128.load32_splat(x);
    f0 = mulAdd(f0, scale4(w, 0), v);
    f1 = mulAdd(f1, scale4(w, 8), v);
    f2 = mulAdd(f2, scale4(w, 16), v);
    f3 = mulAdd(f3, scale4(w, 24), v);
    w += PANEL_ROWS * 2;
    x += 4;
  }
  finish(y, 0, f0, accumulate);
  finish(y, 16, f1, accumulate);
  finish(y, 32, f2, accumulate);
  finish(y, 48, f3, accumulate);
}

function panel2(w: usize, bytes: usize, xa: usize, xb: usize, ya: usize, yb: usize, accumulate: bool): void {
  let a0 = f32x4.splat(0);
  let a1 = a0;
  let a2 = a0;
  let a3 = a0;
  let b0 = a0;
  let b1 = a0;
  let b2 = a0;
  let b3 = a0;
  const end = w + bytes;
  while (w < end) {
    const va = v128.load32_splat(xa);
    const vb = v128.load32_splat(xb);
    let m = scale4(w, 0);
    a0 = mulAdd(a0, m, va);
    b0 = mulAdd(b0, m, vb);
    m = scale4(w, 8);
    a1 = mulAdd(a1, m, va);
    b1 = mulAdd(b1, m, vb);
    m = scale4(w, 16);
    a2 = mulAdd(a2, m, va);
    b2 = mulAdd(b2, m, vb);
    m = scale4(w, 24);
    a3 = mulAdd(a3, m, va);
    b3 = mulAdd(b3, m, vb);
    w += PANEL_ROWS * 2;
    xa += 4;
    xb += 4;
  }
  finish(ya, 0, a0, accumulate);
  finish(ya, 16, a1, accumulate);
  finish(ya, 32, a2, accumulate);
  finish(ya, 48, a3, accumulate);
  finish(yb, 0, b0, accumulate);
  finish(yb, 16, b1, accumulate);
  finish(yb, 32, b2, accumulate);
  finish(yb, 48, b3, accumulate);
}
