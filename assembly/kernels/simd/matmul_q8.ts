import { BLOCK_COLS, PANEL_ROWS, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES } from "../../../core/layout/matrix";
import { mask00ff } from "./constants";
import { accumulator, dotAdd, finish2, finish4, keep, readAhead512, scale4 } from "./panel";
import { Product } from "../product";

// Of the four bytes of a row and quad, masking leaves columns 0 and 1 as 16-bit lanes and shifting columns 2 and 3, both as 0..255; the
// offset of 128 is taken away by starting each group at -128 times the sum of its activations.

/** Start value of a group of `blocks` blocks: -128 times the sum of its activations (the stored sums are times -8). */
// @ts-ignore: decorator
@inline
function start(sums: usize, blocks: i32): v128 {
  let sum = load<i32>(sums);
  for (let b = 1; b < blocks; b++) sum += load<i32>(sums + (b << 2));
  return i32x4.splat(sum << 4);
}

// @ts-ignore: decorator
@inline
function high(q: v128): v128 {
  return i16x8.shr_u(q, 8);
}

/**
 * SIMD form of scalar/matmul_q8.ts: same bits. A lane is a row; a panel's weights are unpacked once for four tokens or for one
 * (for two, registers are too few: slower than twice one).
 */
export function matmulQ8(p: Product): void {
  const blocks = (p.cols + BLOCK_COLS - 1) / BLOCK_COLS;
  const groups = (blocks + Q8_GROUP_BLOCKS - 1) / Q8_GROUP_BLOCKS;
  const panelBytes = <usize>groups * Q8_HEAD_BYTES + <usize>blocks * Q8_BLOCK_BYTES;
  let w = p.w;
  let ahead = 0;
  for (let first = 0; first < p.rows; first += PANEL_ROWS) {
    const column = (<usize>first) << 2;
    let t = 0;
    for (; t + 4 <= p.n; t += 4) panel4(w, blocks, p, t, column);
    for (; t < p.n; t++) ahead |= panel1(w, blocks, p.quantised(t), p.sums(t), p.scale(t), p.out(t) + column, p.accumulate);
    w += panelBytes;
  }
  keep(ahead);
}

// One token. Waits for memory, so it reads ahead (panel.ts). Returns what it read, so that nobody drops it.
function panel1(w: usize, blocks: i32, x: usize, sums: usize, scale: f32, y: usize, accumulate: bool): i32 {
  const low = mask00ff();
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let f2 = f0;
  let f3 = f0;
  let ahead = 0;
  while (blocks > 0) {
    const count = min(blocks, Q8_GROUP_BLOCKS);
    let a0 = start(sums, count);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let p = w + Q8_HEAD_BYTES;
    const end = p + count * Q8_BLOCK_BYTES;
    while (p < end) {
      ahead |= readAhead512(p);
      const stop = x + BLOCK_COLS * 2;
      while (x < stop) {
        const u = v128.load32_splat(x);
        const v = v128.load32_splat(x, 4);
        let q = v128.load(p);
        a0 = dotAdd(dotAdd(a0, v128.and(low, q), u), high(q), v);
        q = v128.load(p, 16);
        a1 = dotAdd(dotAdd(a1, v128.and(low, q), u), high(q), v);
        q = v128.load(p, 32);
        a2 = dotAdd(dotAdd(a2, v128.and(low, q), u), high(q), v);
        q = v128.load(p, 48);
        a3 = dotAdd(dotAdd(a3, v128.and(low, q), u), high(q), v);
        p += 64;
        x += 8;
      }
    }
    f0 = accumulator(f0, a0, scale4(w, 0));
    f1 = accumulator(f1, a1, scale4(w, 8));
    f2 = accumulator(f2, a2, scale4(w, 16));
    f3 = accumulator(f3, a3, scale4(w, 24));
    w = end;
    sums += count << 2;
    blocks -= count;
  }
  finish4(y, f0, f1, f2, f3, f32x4.splat(scale), accumulate);
  return ahead;
}

// Four tokens, eight rows at a time. Token t's two sums of four rows are ft0 and ft1.
function panel4(w: usize, blocks: i32, product: Product, t: i32, column: usize): void {
  const x0 = product.quantised(t);
  const x1 = product.quantised(t + 1);
  const x2 = product.quantised(t + 2);
  const x3 = product.quantised(t + 3);
  const s0 = product.sums(t);
  const s1 = product.sums(t + 1);
  const s2 = product.sums(t + 2);
  const s3 = product.sums(t + 3);
  const low = mask00ff();
  for (let half: usize = 0; half < 2; half++) {
    let f00 = f32x4.splat(0);
    let f01 = f00;
    let f10 = f00;
    let f11 = f00;
    let f20 = f00;
    let f21 = f00;
    let f30 = f00;
    let f31 = f00;
    let group = w;
    let at: usize = 0;
    let left = blocks;
    let b: usize = 0;
    while (left > 0) {
      const count = min(left, Q8_GROUP_BLOCKS);
      let a00 = start(s0 + b, count);
      let a01 = a00;
      let a10 = start(s1 + b, count);
      let a11 = a10;
      let a20 = start(s2 + b, count);
      let a21 = a20;
      let a30 = start(s3 + b, count);
      let a31 = a30;
      let p = group + Q8_HEAD_BYTES + half * 32;
      const end = at + count * (BLOCK_COLS * 2);
      while (at < end) {
        let q = v128.load(p);
        const m = v128.and(low, q);
        q = high(q);
        let o = v128.load(p, 16);
        const k = v128.and(low, o);
        o = high(o);
        let v = v128.load32_splat(x0 + at);
        a00 = dotAdd(a00, m, v);
        a01 = dotAdd(a01, k, v);
        v = v128.load32_splat(x0 + at, 4);
        a00 = dotAdd(a00, q, v);
        a01 = dotAdd(a01, o, v);
        v = v128.load32_splat(x1 + at);
        a10 = dotAdd(a10, m, v);
        a11 = dotAdd(a11, k, v);
        v = v128.load32_splat(x1 + at, 4);
        a10 = dotAdd(a10, q, v);
        a11 = dotAdd(a11, o, v);
        v = v128.load32_splat(x2 + at);
        a20 = dotAdd(a20, m, v);
        a21 = dotAdd(a21, k, v);
        v = v128.load32_splat(x2 + at, 4);
        a20 = dotAdd(a20, q, v);
        a21 = dotAdd(a21, o, v);
        v = v128.load32_splat(x3 + at);
        a30 = dotAdd(a30, m, v);
        a31 = dotAdd(a31, k, v);
        v = v128.load32_splat(x3 + at, 4);
        a30 = dotAdd(a30, q, v);
        a31 = dotAdd(a31, o, v);
        p += 64;
        at += 8;
      }
      const c0 = scale4(group, half * 16);
      const c1 = scale4(group, half * 16 + 8);
      f00 = accumulator(f00, a00, c0);
      f01 = accumulator(f01, a01, c1);
      f10 = accumulator(f10, a10, c0);
      f11 = accumulator(f11, a11, c1);
      f20 = accumulator(f20, a20, c0);
      f21 = accumulator(f21, a21, c1);
      f30 = accumulator(f30, a30, c0);
      f31 = accumulator(f31, a31, c1);
      group += Q8_HEAD_BYTES + count * Q8_BLOCK_BYTES;
      b += (<usize>count) << 2;
      left -= count;
    }
    const shift = column + half * 32;
    finish2(product, t, shift, f00, f01);
    finish2(product, t + 1, shift, f10, f11);
    finish2(product, t + 2, shift, f20, f21);
    finish2(product, t + 3, shift, f30, f31);
  }
}
