import { BLOCK_COLS, PANEL_ROWS, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES } from "../../../core/layout/matrix";
import { signs } from "../simd/constants";
import { keep, readAhead512, scale4 } from "../simd/panel";
import { dot4 } from "./dot";
import { Q8_ROW_GROUP, ROW_DATA } from "./quantize";
import { narrowQ8 } from "./narrow_q8";
import { scaled, sums4 } from "./scaled_q8";
import { store4 } from "./store";
import { stretchRows } from "./stretch";
import { panel4 } from "./tile_q8";
import { Product } from "../product";

// Weights are the signed operand, activations the bytes 0..127 of quantizeQ8, whose minimum is multiplied with the sums of weights that a
// group carries. Flipping a stored byte's sign bit takes its 128 away.

/**
 * Relaxed form of scalar/matmul_q8.ts over the rows of quantizeQ8 (scales and sums lie in them). Per group of up to 128 columns the product
 * is exact in i32; groups are added in f32 in ascending order. A row's bits do not depend on n.
 */
export function matmulQ8(p: Product): void {
  if (p.cols <= BLOCK_COLS) return narrowQ8(p);
  const blocks = (p.cols + BLOCK_COLS - 1) / BLOCK_COLS;
  const groups = (blocks + Q8_GROUP_BLOCKS - 1) / Q8_GROUP_BLOCKS;
  const panelBytes = <usize>groups * Q8_HEAD_BYTES + <usize>blocks * Q8_BLOCK_BYTES;
  const n = p.n;
  const stretch = stretchRows(panelBytes, n);
  let start = p.w;
  let ahead = 0;
  for (let first = 0; first < p.rows; first += stretch) {
    const last = min(p.rows, first + stretch);
    let t = 0;
    while (t + 2 <= n) {
      let w = start;
      // Who comes first has the stretch read from memory, in order; those after find it in a cache.
      const four = t > 0 && t + 4 <= n;
      for (let r = first; r < last; r += PANEL_ROWS) {
        const column = (<usize>r) << 2;
        if (four) panel4(w, blocks, p, t, column);
        else ahead |= panel2(w, blocks, p.quantised(t), p.quantised(t + 1), p.out(t) + column, p.out(t + 1) + column, p.accumulate);
        w += panelBytes;
      }
      t += four ? 4 : 2;
    }
    if (t < n) {
      const x = p.quantised(t);
      const y = p.out(t);
      let w = start;
      for (let r = first; r < last; r += PANEL_ROWS) {
        ahead |= panel1(w, blocks, x, y + ((<usize>r) << 2), p.accumulate);
        w += panelBytes;
      }
    }
    start += <usize>(stretch / PANEL_ROWS) * panelBytes;
  }
  keep(ahead);
}

// One token, reading ahead (simd/panel.ts). Two integer sums a row, b for every other quad: a product takes four cycles, and two begin in
// each.
function panel1(w: usize, blocks: i32, x: usize, y: usize, accumulate: bool): i32 {
  const sign = signs();
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let f2 = f0;
  let f3 = f0;
  let ahead = 0;
  while (blocks > 0) {
    const count = min(blocks, Q8_GROUP_BLOCKS);
    let a0 = i32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = a0;
    let b1 = a0;
    let b2 = a0;
    let b3 = a0;
    let p = w + Q8_HEAD_BYTES;
    let at = x + ROW_DATA;
    const end = p + count * Q8_BLOCK_BYTES;
    while (p < end) {
      ahead |= readAhead512(p);
      const stop = at + BLOCK_COLS;
      while (at < stop) {
        let v = v128.load32_splat(at);
        let q = v128.xor(sign, v128.load(p));
        a0 = dot4(a0, q, v);
        q = v128.xor(sign, v128.load(p, 16));
        a1 = dot4(a1, q, v);
        q = v128.xor(sign, v128.load(p, 32));
        a2 = dot4(a2, q, v);
        q = v128.xor(sign, v128.load(p, 48));
        a3 = dot4(a3, q, v);
        v = v128.load32_splat(at, 4);
        q = v128.xor(sign, v128.load(p, 64));
        b0 = dot4(b0, q, v);
        q = v128.xor(sign, v128.load(p, 80));
        b1 = dot4(b1, q, v);
        q = v128.xor(sign, v128.load(p, 96));
        b2 = dot4(b2, q, v);
        q = v128.xor(sign, v128.load(p, 112));
        b3 = dot4(b3, q, v);
        p += 128;
        at += 8;
      }
    }
    f0 = scaled(f0, i32x4.add(a0, b0), sums4(w, 0), x, scale4(w, 0));
    f1 = scaled(f1, i32x4.add(a1, b1), sums4(w, 8), x, scale4(w, 8));
    f2 = scaled(f2, i32x4.add(a2, b2), sums4(w, 16), x, scale4(w, 16));
    f3 = scaled(f3, i32x4.add(a3, b3), sums4(w, 24), x, scale4(w, 24));
    w = end;
    x += Q8_ROW_GROUP;
    blocks -= count;
  }
  store4(y, f0, f1, f2, f3, accumulate);
  return ahead;
}

// Two tokens, all sixteen rows: a panel is read once, in order, so that reading goes on beside the arithmetic. Token t's sums are ft0 to
// ft3.
function panel2(w: usize, blocks: i32, x0: usize, x1: usize, y0: usize, y1: usize, accumulate: bool): i32 {
  const sign = signs();
  let f00 = f32x4.splat(0);
  let f01 = f00;
  let f02 = f00;
  let f03 = f00;
  let f10 = f00;
  let f11 = f00;
  let f12 = f00;
  let f13 = f00;
  let ahead = 0;
  while (blocks > 0) {
    const count = min(blocks, Q8_GROUP_BLOCKS);
    let a00 = i32x4.splat(0);
    let a01 = a00;
    let a02 = a00;
    let a03 = a00;
    let a10 = a00;
    let a11 = a00;
    let a12 = a00;
    let a13 = a00;
    let p = w + Q8_HEAD_BYTES;
    let at: usize = ROW_DATA;
    const end = p + count * Q8_BLOCK_BYTES;
    while (p < end) {
      ahead |= readAhead512(p);
      const stop = at + BLOCK_COLS;
      while (at < stop) {
        const u = v128.load32_splat(x0 + at);
        const v = v128.load32_splat(x1 + at);
        let q = v128.xor(sign, v128.load(p));
        a00 = dot4(a00, q, u);
        a10 = dot4(a10, q, v);
        q = v128.xor(sign, v128.load(p, 16));
        a01 = dot4(a01, q, u);
        a11 = dot4(a11, q, v);
        q = v128.xor(sign, v128.load(p, 32));
        a02 = dot4(a02, q, u);
        a12 = dot4(a12, q, v);
        q = v128.xor(sign, v128.load(p, 48));
        a03 = dot4(a03, q, u);
        a13 = dot4(a13, q, v);
        p += 64;
        at += 4;
      }
    }
    let c = sums4(w, 0);
    let s = scale4(w, 0);
    f00 = scaled(f00, a00, c, x0, s);
    f10 = scaled(f10, a10, c, x1, s);
    c = sums4(w, 8);
    s = scale4(w, 8);
    f01 = scaled(f01, a01, c, x0, s);
    f11 = scaled(f11, a11, c, x1, s);
    c = sums4(w, 16);
    s = scale4(w, 16);
    f02 = scaled(f02, a02, c, x0, s);
    f12 = scaled(f12, a12, c, x1, s);
    c = sums4(w, 24);
    s = scale4(w, 24);
    f03 = scaled(f03, a03, c, x0, s);
    f13 = scaled(f13, a13, c, x1, s);
    w = end;
    x0 += Q8_ROW_GROUP;
    x1 += Q8_ROW_GROUP;
    blocks -= count;
  }
  store4(y0, f00, f01, f02, f03, accumulate);
  store4(y1, f10, f11, f12, f13, accumulate);
  return ahead;
}
