import { BLOCK_COLS, PANEL_ROWS, Q8_BLOCK_BYTES, Q8_HEAD_BYTES } from "../../../core/layout/matrix";
import { Product } from "../product";
import { signs } from "../simd/constants";
import { keep, readAhead512, scale4 } from "../simd/panel";
import { dot4 } from "./dot";
import { ROW_DATA } from "./quantize";
import { scaled, sums4 } from "./scaled_q8";
import { store4 } from "./store";

/**
 * matmulQ8 (matmul_q8.ts) for matrices of up to 32 columns, the ways down of small experts: a panel is one block, so its sums are finished
 * at once. Tokens go over all panels two by two, reading ahead (simd/panel.ts).
 */
export function narrowQ8(p: Product): void {
  let ahead = 0;
  for (let t = 0; t + 2 <= p.n; t += 2) ahead |= panels2(p, p.quantised(t), p.quantised(t + 1), p.out(t), p.out(t + 1));
  if (p.n & 1) ahead |= panels1(p, p.quantised(p.n - 1), p.out(p.n - 1));
  keep(ahead);
}

function panels1(p: Product, x: usize, y: usize): i32 {
  const sign = signs();
  const accumulate = p.accumulate;
  let w = p.w;
  let ahead = 0;
  for (let end = y + ((<usize>p.rows) << 2); y < end; y += PANEL_ROWS * 4) {
    ahead |= readAhead512(w);
    let a0 = i32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let q = w;
    for (let at: usize = 0; at < <usize>BLOCK_COLS; at += 4) {
      const v = v128.load32_splat(x + at, ROW_DATA);
      a0 = dot4(a0, v128.xor(sign, v128.load(q, Q8_HEAD_BYTES)), v);
      a1 = dot4(a1, v128.xor(sign, v128.load(q, Q8_HEAD_BYTES + 16)), v);
      a2 = dot4(a2, v128.xor(sign, v128.load(q, Q8_HEAD_BYTES + 32)), v);
      a3 = dot4(a3, v128.xor(sign, v128.load(q, Q8_HEAD_BYTES + 48)), v);
      q += 64;
    }
    const zero = f32x4.splat(0);
    const f0 = scaled(zero, a0, sums4(w, 0), x, scale4(w, 0));
    const f1 = scaled(zero, a1, sums4(w, 8), x, scale4(w, 8));
    const f2 = scaled(zero, a2, sums4(w, 16), x, scale4(w, 16));
    store4(y, f0, f1, f2, scaled(zero, a3, sums4(w, 24), x, scale4(w, 24)), accumulate);
    w += Q8_HEAD_BYTES + Q8_BLOCK_BYTES;
  }
  return ahead;
}

function panels2(p: Product, x0: usize, x1: usize, y0: usize, y1: usize): i32 {
  const sign = signs();
  const accumulate = p.accumulate;
  let w = p.w;
  let ahead = 0;
  for (let end = y0 + ((<usize>p.rows) << 2); y0 < end; y0 += PANEL_ROWS * 4) {
    ahead |= readAhead512(w);
    let a00 = i32x4.splat(0);
    let a01 = a00;
    let a02 = a00;
    let a03 = a00;
    let a10 = a00;
    let a11 = a00;
    let a12 = a00;
    let a13 = a00;
    let q = w;
    for (let at: usize = 0; at < <usize>BLOCK_COLS; at += 4) {
      const u = v128.load32_splat(x0 + at, ROW_DATA);
      const v = v128.load32_splat(x1 + at, ROW_DATA);
      let m = v128.xor(sign, v128.load(q, Q8_HEAD_BYTES));
      a00 = dot4(a00, m, u);
      a10 = dot4(a10, m, v);
      m = v128.xor(sign, v128.load(q, Q8_HEAD_BYTES + 16));
      a01 = dot4(a01, m, u);
      a11 = dot4(a11, m, v);
      m = v128.xor(sign, v128.load(q, Q8_HEAD_BYTES + 32));
      a02 = dot4(a02, m, u);
      a12 = dot4(a12, m, v);
      m = v128.xor(sign, v128.load(q, Q8_HEAD_BYTES + 48));
      a03 = dot4(a03, m, u);
      a13 = dot4(a13, m, v);
      q += 64;
    }
    const zero = f32x4.splat(0);
    let c = sums4(w, 0);
    let s = scale4(w, 0);
    const f00 = scaled(zero, a00, c, x0, s);
    const f10 = scaled(zero, a10, c, x1, s);
    c = sums4(w, 8);
    s = scale4(w, 8);
    const f01 = scaled(zero, a01, c, x0, s);
    const f11 = scaled(zero, a11, c, x1, s);
    c = sums4(w, 16);
    s = scale4(w, 16);
    const f02 = scaled(zero, a02, c, x0, s);
    const f12 = scaled(zero, a12, c, x1, s);
    c = sums4(w, 24);
    s = scale4(w, 24);
    store4(y0, f00, f01, f02, scaled(zero, a03, c, x0, s), accumulate);
    store4(y1, f10, f11, f12, scaled(zero, a13, c, x1, s), accumulate);
    y1 += PANEL_ROWS * 4;
    w += Q8_HEAD_BYTES + Q8_BLOCK_BYTES;
  }
  return ahead;
}
