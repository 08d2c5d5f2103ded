import { BLOCK_COLS, PANEL_ROWS, Q4_BLOCK_BYTES } from "../../../core/layout/matrix";
import { Product } from "../product";
import { mask0f } from "../simd/constants";
import { keep, readAhead288, scale4 } from "../simd/panel";
import { dot4 } from "./dot";
import { ROW_DATA } from "./quantize";
import { scaled } from "./scaled_q4";
import { store4 } from "./store";

/**
 * matmulQ4 (matmul_q4.ts) for matrices of up to 32 columns, the ways down of small experts: a panel is one block, so its sums are finished
 * at once. Tokens go over all panels two by two, reading ahead (simd/panel.ts).
 */
export function narrowQ4(p: Product): void {
  let ahead = 0;
  for (let t = 0; t + 2 <= p.n; t += 2) ahead |= panels2(p, p.quantised(t), p.quantised(t + 1), p.out(t), p.out(t + 1));
  if (p.n & 1) ahead |= panels1(p, p.quantised(p.n - 1), p.out(p.n - 1));
  keep(ahead);
}

function panels1(p: Product, x: usize, y: usize): i32 {
  const low = mask0f();
  const accumulate = p.accumulate;
  let w = p.w;
  let ahead = 0;
  for (let end = y + ((<usize>p.rows) << 2); y < end; y += PANEL_ROWS * 4) {
    ahead |= readAhead288(w);
    let a0 = v128.load32_splat(x, 4);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let q = w;
    for (let at: usize = 0; at < <usize>BLOCK_COLS; at += 4) {
      const v = v128.load32_splat(x + at, ROW_DATA);
      let b = v128.load(q, 32);
      a0 = dot4(a0, v, v128.and(low, b));
      a1 = dot4(a1, v, v128.and(low, i16x8.shr_u(b, 4)));
      b = v128.load(q, 48);
      a2 = dot4(a2, v, v128.and(low, b));
      a3 = dot4(a3, v, v128.and(low, i16x8.shr_u(b, 4)));
      q += 32;
    }
    const zero = f32x4.splat(0);
    const s = v128.load32_splat(x);
    const h = f32x4.mul(s, f32x4.splat(16));
    const f0 = scaled(zero, a0, scale4(w, 0), s);
    const f1 = scaled(zero, a1, scale4(w, 8), h);
    const f2 = scaled(zero, a2, scale4(w, 16), s);
    store4(y, f0, f1, f2, scaled(zero, a3, scale4(w, 24), h), accumulate);
    w += Q4_BLOCK_BYTES;
  }
  return ahead;
}

function panels2(p: Product, x0: usize, x1: usize, y0: usize, y1: usize): i32 {
  const low = mask0f();
  const accumulate = p.accumulate;
  let w = p.w;
  let ahead = 0;
  for (let end = y0 + ((<usize>p.rows) << 2); y0 < end; y0 += PANEL_ROWS * 4) {
    ahead |= readAhead288(w);
    let a00 = v128.load32_splat(x0, 4);
    let a01 = a00;
    let a02 = a00;
    let a03 = a00;
    let a10 = v128.load32_splat(x1, 4);
    let a11 = a10;
    let a12 = a10;
    let a13 = a10;
    let q = w;
    for (let at: usize = 0; at < <usize>BLOCK_COLS; at += 4) {
      const u = v128.load32_splat(x0 + at, ROW_DATA);
      const v = v128.load32_splat(x1 + at, ROW_DATA);
      let b = v128.load(q, 32);
      let m = v128.and(low, b);
      a00 = dot4(a00, u, m);
      a10 = dot4(a10, v, m);
      m = v128.and(low, i16x8.shr_u(b, 4));
      a01 = dot4(a01, u, m);
      a11 = dot4(a11, v, m);
      b = v128.load(q, 48);
      m = v128.and(low, b);
      a02 = dot4(a02, u, m);
      a12 = dot4(a12, v, m);
      m = v128.and(low, i16x8.shr_u(b, 4));
      a03 = dot4(a03, u, m);
      a13 = dot4(a13, v, m);
      q += 32;
    }
    const zero = f32x4.splat(0);
    const c0 = scale4(w, 0);
    const c1 = scale4(w, 8);
    const c2 = scale4(w, 16);
    const c3 = scale4(w, 24);
    let s = v128.load32_splat(x0);
    let h = f32x4.mul(s, f32x4.splat(16));
    store4(y0, scaled(zero, a00, c0, s), scaled(zero, a01, c1, h), scaled(zero, a02, c2, s), scaled(zero, a03, c3, h), accumulate);
    s = v128.load32_splat(x1);
    h = f32x4.mul(s, f32x4.splat(16));
    store4(y1, scaled(zero, a10, c0, s), scaled(zero, a11, c1, h), scaled(zero, a12, c2, s), scaled(zero, a13, c3, h), accumulate);
    y1 += PANEL_ROWS * 4;
    w += Q4_BLOCK_BYTES;
  }
  return ahead;
}
