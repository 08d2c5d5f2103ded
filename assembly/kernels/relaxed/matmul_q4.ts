import { BLOCK_COLS, PANEL_ROWS, Q4_BLOCK_BYTES } from "../../../core/layout/matrix";
import { mask0f } from "../simd/constants";
import { keep, readAhead288, scale4 } from "../simd/panel";
import { clearedSums, sumsOf, TOKEN_SUMS } from "../simd/sums";
import { dot4 } from "./dot";
import { Q4_ROW_BLOCK, ROW_DATA } from "./quantize";
import { ADD, CONTINUE, STORE, store4 } from "./store";
import { stretchRows } from "./stretch";
import { narrowQ4 } from "./narrow_q4";
import { addScaled, scaled, storeSums } from "./scaled_q4";
import { panel4 } from "./tile_q4";
import { Product } from "../product";

// Weights are the unsigned operand (0..15), activations the signed bytes of quantizeQ4. The offset of 8 is taken away by starting each
// block at -8 times the sum of its activations. High nibbles are shifted down here, so their rows' scales get the factor of 16 back.

/**
 * Relaxed form of scalar/matmul_q4.ts over the rows of quantizeQ4 (scales and sums lie in them). Per block the product is exact in i32;
 * blocks are added in f32 in ascending order. A row's bits do not depend on n.
 */
export function matmulQ4(p: Product): void {
  if (p.cols <= BLOCK_COLS) return narrowQ4(p);
  const panelBytes = panelBytesQ4(p);
  const n = p.n;
  const stretch = stretchRows(panelBytes, n);
  const ending = p.accumulate ? ADD : STORE;
  let start = p.w;
  let ahead = 0;
  for (let first = 0; first < p.rows; first += stretch) {
    const last = min(p.rows, first + stretch);
    let t = 0;
    for (; t + 4 <= n; t += 4) {
      let w = start;
      for (let r = first; r < last; r += PANEL_ROWS) {
        ahead |= panel4(w, panelBytes, p, t, (<usize>r) << 2);
        w += panelBytes;
      }
    }
    for (; t + 2 <= n; t += 2) {
      let w = start;
      for (let r = first; r < last; r += PANEL_ROWS) {
        const column = (<usize>r) << 2;
        ahead |= panel2(w, panelBytes, p.quantised(t), p.quantised(t + 1), p.out(t) + column, p.out(t + 1) + column, ending);
        w += panelBytes;
      }
    }
    if (t < n) {
      const x = p.quantised(t);
      const y = p.out(t);
      let w = start;
      for (let r = first; r < last; r += PANEL_ROWS) {
        ahead |= panel1(w, panelBytes, x, y + ((<usize>r) << 2), ending);
        w += panelBytes;
      }
    }
    start += <usize>(stretch / PANEL_ROWS) * panelBytes;
  }
  keep(ahead);
}

/** Bytes of a panel of a product's weights. */
export function panelBytesQ4(p: Product): usize {
  return <usize>((p.cols + BLOCK_COLS - 1) / BLOCK_COLS) * Q4_BLOCK_BYTES;
}

/**
 * Blocks of one panel of a product with one or two tokens: `bytes` of weights from w on, for the activations `shift` bytes into each row,
 * and results `column` bytes into each. `ending` as in store.ts: columns taken in runs give the bits that all of them at once would.
 */
// @ts-ignore: decorator
@inline
export function panelQ4(w: usize, bytes: usize, p: Product, shift: usize, column: usize, ending: i32): i32 {
  if (p.n === 2) return panel2(w, bytes, p.quantised(0) + shift, p.quantised(1) + shift, p.out(0) + column, p.out(1) + column, ending);
  return panel1(w, bytes, p.quantised(0) + shift, p.out(0) + column, ending);
}

// One token, reading ahead (simd/panel.ts).
function panel1(w: usize, bytes: usize, x: usize, y: usize, ending: i32): i32 {
  const low = mask0f();
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let f2 = f0;
  let f3 = f0;
  if (ending === CONTINUE) {
    f0 = v128.load(y);
    f1 = v128.load(y, 16);
    f2 = v128.load(y, 32);
    f3 = v128.load(y, 48);
  }
  let ahead = 0;
  const end = w + bytes;
  while (w < end) {
    ahead |= readAhead288(w);
    let a0 = v128.load32_splat(x, 4);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let p = w;
    const stop = x + BLOCK_COLS;
    let at = x;
    while (at < stop) {
      let v = v128.load32_splat(at, ROW_DATA);
      let q = v128.load(p, 32);
      a0 = dot4(a0, v, v128.and(low, q));
      a1 = dot4(a1, v, v128.and(low, i16x8.shr_u(q, 4)));
      q = v128.load(p, 48);
      a2 = dot4(a2, v, v128.and(low, q));
      a3 = dot4(a3, v, v128.and(low, i16x8.shr_u(q, 4)));
      v = v128.load32_splat(at, ROW_DATA + 4);
      q = v128.load(p, 64);
      a0 = dot4(a0, v, v128.and(low, q));
      a1 = dot4(a1, v, v128.and(low, i16x8.shr_u(q, 4)));
      q = v128.load(p, 80);
      a2 = dot4(a2, v, v128.and(low, q));
      a3 = dot4(a3, v, v128.and(low, i16x8.shr_u(q, 4)));
      p += 64;
      at += 8;
    }
    const s = v128.load32_splat(x);
    const s16 = f32x4.mul(s, f32x4.splat(16));
    f0 = scaled(f0, a0, scale4(w, 0), s);
    f1 = scaled(f1, a1, scale4(w, 8), s16);
    f2 = scaled(f2, a2, scale4(w, 16), s);
    f3 = scaled(f3, a3, scale4(w, 24), s16);
    w += Q4_BLOCK_BYTES;
    x += Q4_ROW_BLOCK;
  }
  store4(y, f0, f1, f2, f3, ending === ADD);
  return ahead;
}

// Two tokens, all sixteen rows. Sums lie in memory (sums.ts), the first token's before the second's.
function panel2(w: usize, bytes: usize, x0: usize, x1: usize, y0: usize, y1: usize, ending: i32): i32 {
  const low = mask0f();
  const sums = ending === CONTINUE ? sumsOf(y0, y1) : clearedSums(2);
  let ahead = 0;
  const end = w + bytes;
  while (w < end) {
    ahead |= readAhead288(w);
    let a00 = v128.load32_splat(x0, 4);
    let a01 = a00;
    let a02 = a00;
    let a03 = a00;
    let a10 = v128.load32_splat(x1, 4);
    let a11 = a10;
    let a12 = a10;
    let a13 = a10;
    let p = w;
    for (let at: usize = 0; at < <usize>BLOCK_COLS; at += 4) {
      const u = v128.load32_splat(x0 + at, ROW_DATA);
      const v = v128.load32_splat(x1 + at, ROW_DATA);
      let q = v128.load(p, 32);
      let m = v128.and(low, q);
      a00 = dot4(a00, u, m);
      a10 = dot4(a10, v, m);
      m = v128.and(low, i16x8.shr_u(q, 4));
      a01 = dot4(a01, u, m);
      a11 = dot4(a11, v, m);
      q = v128.load(p, 48);
      m = v128.and(low, q);
      a02 = dot4(a02, u, m);
      a12 = dot4(a12, v, m);
      m = v128.and(low, i16x8.shr_u(q, 4));
      a03 = dot4(a03, u, m);
      a13 = dot4(a13, v, m);
      p += 32;
    }
    const s0 = v128.load32_splat(x0);
    const h0 = f32x4.mul(s0, f32x4.splat(16));
    const s1 = v128.load32_splat(x1);
    const h1 = f32x4.mul(s1, f32x4.splat(16));
    let c = scale4(w, 0);
    addScaled(sums, 0, a00, c, s0);
    addScaled(sums, 64, a10, c, s1);
    c = scale4(w, 8);
    addScaled(sums, 16, a01, c, h0);
    addScaled(sums, 80, a11, c, h1);
    c = scale4(w, 16);
    addScaled(sums, 32, a02, c, s0);
    addScaled(sums, 96, a12, c, s1);
    c = scale4(w, 24);
    addScaled(sums, 48, a03, c, h0);
    addScaled(sums, 112, a13, c, h1);
    w += Q4_BLOCK_BYTES;
    x0 += Q4_ROW_BLOCK;
    x1 += Q4_ROW_BLOCK;
  }
  storeSums(y0, sums, ending);
  storeSums(y1, sums + TOKEN_SUMS, ending);
  return ahead;
}
