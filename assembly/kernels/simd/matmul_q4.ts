import { BLOCK_COLS, PANEL_ROWS, Q4_BLOCK_BYTES } from "../../../core/layout/matrix";
import { mask000f, mask00f0 } from "./constants";
import { accumulator, dotAdd, finish4, keep, readAhead288, scale4 } from "./panel";
import { Product } from "../product";

// A byte holds nibbles of rows r and r + 4; the four bytes of a row and quad are columns 0, 2, 1, 3. Masking a u16 leaves columns 0 and
// 1, a shift by 8 brings columns 2 and 3. High nibbles stay where they are, times 16: their rows' scales are stored divided by that.
// The offset of 8 is taken away by starting each block at -8 times the sum of its activations.

/** SIMD form of scalar/matmul_q4.ts: same bits. A panel's weights are unpacked once for two tokens, or one. */
export function matmulQ4(p: Product): void {
  const panelBytes = <usize>((p.cols + BLOCK_COLS - 1) / BLOCK_COLS) * Q4_BLOCK_BYTES;
  let w = p.w;
  let ahead = 0;
  for (let first = 0; first < p.rows; first += PANEL_ROWS) {
    const column = (<usize>first) << 2;
    let t = 0;
    for (; t + 2 <= p.n; t += 2) panel2(w, panelBytes, p, t, column);
    if (t < p.n) ahead |= panel1(w, panelBytes, p.quantised(t), p.sums(t), p.scale(t), p.out(t) + column, p.accumulate);
    w += panelBytes;
  }
  keep(ahead);
}

// One token, reading ahead (panel.ts).
function panel1(w: usize, bytes: usize, x: usize, sums: usize, scale: f32, y: usize, accumulate: bool): i32 {
  const low = mask000f();
  const high = mask00f0();
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let f2 = f0;
  let f3 = f0;
  let ahead = 0;
  const end = w + bytes;
  while (w < end) {
    ahead |= readAhead288(w);
    let a0 = v128.load32_splat(sums);
    let a1 = i32x4.shl(a0, 4);
    let a2 = a0;
    let a3 = a1;
    let p = w;
    const stop = x + BLOCK_COLS * 2;
    while (x < stop) {
      const u = v128.load32_splat(x);
      const v = v128.load32_splat(x, 4);
      let q = v128.load(p, 32);
      let h = i16x8.shr_u(q, 8);
      a0 = dotAdd(dotAdd(a0, v128.and(low, q), u), v128.and(low, h), v);
      a1 = dotAdd(dotAdd(a1, v128.and(high, q), u), v128.and(high, h), v);
      q = v128.load(p, 48);
      h = i16x8.shr_u(q, 8);
      a2 = dotAdd(dotAdd(a2, v128.and(low, q), u), v128.and(low, h), v);
      a3 = dotAdd(dotAdd(a3, v128.and(high, q), u), v128.and(high, h), v);
      p += 32;
      x += 8;
    }
    f0 = accumulator(f0, a0, scale4(w, 0));
    f1 = accumulator(f1, a1, scale4(w, 8));
    f2 = accumulator(f2, a2, scale4(w, 16));
    f3 = accumulator(f3, a3, scale4(w, 24));
    w += Q4_BLOCK_BYTES;
    sums += 4;
  }
  finish4(y, f0, f1, f2, f3, f32x4.splat(scale), accumulate);
  return ahead;
}

// Two tokens, all sixteen rows.
function panel2(w: usize, bytes: usize, product: Product, t: i32, column: usize): void {
  let xa = product.quantised(t);
  let xb = product.quantised(t + 1);
  let sumsA = product.sums(t);
  let sumsB = product.sums(t + 1);
  const low = mask000f();
  const high = mask00f0();
  let fa0 = f32x4.splat(0);
  let fa1 = fa0;
  let fa2 = fa0;
  let fa3 = fa0;
  let fb0 = fa0;
  let fb1 = fa0;
  let fb2 = fa0;
  let fb3 = fa0;
  const end = w + bytes;
  while (w < end) {
    let a0 = v128.load32_splat(sumsA);
    let a1 = i32x4.shl(a0, 4);
    let a2 = a0;
    let a3 = a1;
    let b0 = v128.load32_splat(sumsB);
    let b1 = i32x4.shl(b0, 4);
    let b2 = b0;
    let b3 = b1;
    let p = w;
    const stop = xa + BLOCK_COLS * 2;
    while (xa < stop) {
      let q = v128.load(p, 32);
      let r = v128.load(p, 48);
      let u = v128.load32_splat(xa);
      let v = v128.load32_splat(xb);
      let m = v128.and(low, q);
      a0 = dotAdd(a0, m, u);
      b0 = dotAdd(b0, m, v);
      m = v128.and(high, q);
      a1 = dotAdd(a1, m, u);
      b1 = dotAdd(b1, m, v);
      m = v128.and(low, r);
      a2 = dotAdd(a2, m, u);
      b2 = dotAdd(b2, m, v);
      m = v128.and(high, r);
      a3 = dotAdd(a3, m, u);
      b3 = dotAdd(b3, m, v);
      q = i16x8.shr_u(q, 8);
      r = i16x8.shr_u(r, 8);
      u = v128.load32_splat(xa, 4);
      v = v128.load32_splat(xb, 4);
      m = v128.and(low, q);
      a0 = dotAdd(a0, m, u);
      b0 = dotAdd(b0, m, v);
      m = v128.and(high, q);
      a1 = dotAdd(a1, m, u);
      b1 = dotAdd(b1, m, v);
      m = v128.and(low, r);
      a2 = dotAdd(a2, m, u);
      b2 = dotAdd(b2, m, v);
      m = v128.and(high, r);
      a3 = dotAdd(a3, m, u);
      b3 = dotAdd(b3, m, v);
      p += 32;
      xa += 8;
      xb += 8;
    }
    let s = scale4(w, 0);
    fa0 = accumulator(fa0, a0, s);
    fb0 = accumulator(fb0, b0, s);
    s = scale4(w, 8);
    fa1 = accumulator(fa1, a1, s);
    fb1 = accumulator(fb1, b1, s);
    s = scale4(w, 16);
    fa2 = accumulator(fa2, a2, s);
    fb2 = accumulator(fb2, b2, s);
    s = scale4(w, 24);
    fa3 = accumulator(fa3, a3, s);
    fb3 = accumulator(fb3, b3, s);
    w += Q4_BLOCK_BYTES;
    sumsA += 4;
    sumsB += 4;
  }
  const accumulate = product.accumulate;
  finish4(product.out(t) + column, fa0, fa1, fa2, fa3, f32x4.splat(product.scale(t)), accumulate);
  finish4(product.out(t + 1) + column, fb0, fb1, fb2, fb3, f32x4.splat(product.scale(t + 1)), accumulate);
}
