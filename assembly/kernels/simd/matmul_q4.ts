import { BLOCK_COLS, PANEL_ROWS, Q4_BLOCK_BYTES } from "../../layout";
import { accumulator, finish, keep, readAhead288, scale4 } from "./panel";

// The four nibbles of a u16 belong to rows r, r + 4, r + 8, r + 12 of the panel. Masking leaves them where they are, times
// 1, 16, 256, (1 after the shift): the scales of rows 4..11 are stored divided by that, so nothing is shifted down but the last.
// The offset of 8 is taken away by starting each block at -8 times the sum of its activations.

// @ts-ignore: decorator
@inline
function dotAdd(a: v128, w: v128, x: v128): v128 {
  return i32x4.add(a, i32x4.dot_i16x8_s(w, x));
}

/** SIMD form of scalar/matmul_q4.ts: same bits. */
export function matmulQ4(
  w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xScale: usize, xSums: usize, sumsStride: usize, xi: usize, n: i32,
  y: usize, yStride: usize, yi: usize, accumulate: bool,
): void {
  const panelBytes = <usize>((cols + BLOCK_COLS - 1) / BLOCK_COLS) * Q4_BLOCK_BYTES;
  let ahead = 0;
  for (let first = 0; first < rows; first += PANEL_ROWS) {
    const out = y + (first << 2);
    let t = 0;
    for (; t + 2 <= n; t += 2) {
      const ra = <usize>load<u32>(xi + (t << 2));
      const rb = <usize>load<u32>(xi + (t << 2), 4);
      const ya = out + <usize>load<u32>(yi + (t << 2)) * yStride;
      const yb = out + <usize>load<u32>(yi + (t << 2), 4) * yStride;
      panel2(
        w, panelBytes, x + <usize>ra * xStride, x + <usize>rb * xStride, xSums + <usize>ra * sumsStride, xSums + <usize>rb * sumsStride,
        load<f32>(xScale + (ra << 2)), load<f32>(xScale + (rb << 2)), ya, yb, accumulate,
      );
    }
    if (t < n) {
      const r = <usize>load<u32>(xi + (t << 2));
      const yt = out + <usize>load<u32>(yi + (t << 2)) * yStride;
      ahead |= panel1(w, panelBytes, x + <usize>r * xStride, xSums + <usize>r * sumsStride, load<f32>(xScale + (r << 2)), yt, accumulate);
    }
    w += panelBytes;
  }
  keep(ahead);
}

// One token, reading ahead (panel.ts).
function panel1(w: usize, bytes: usize, x: usize, sums: usize, scale: f32, y: usize, accumulate: bool): i32 {
  const m0 = i16x8.splat(0x000f);
  const m1 = i16x8.splat(0x00f0);
  const m2 = i16x8.splat(0x0f00);
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
    let a2 = i32x4.shl(a0, 8);
    let a3 = a0;
    let p = w;
    const stop = x + BLOCK_COLS * 2;
    while (x < stop) {
      let v = v128.load32_splat(x);
      let q = v128.load(p, 32);
      a0 = dotAdd(a0, v128.and(q, m0), v);
      a1 = dotAdd(a1, v128.and(q, m1), v);
      a2 = dotAdd(a2, v128.and(q, m2), v);
      a3 = dotAdd(a3, i16x8.shr_u(q, 12), v);
      v = v128.load32_splat(x, 4);
      q = v128.load(p, 48);
      a0 = dotAdd(a0, v128.and(q, m0), v);
      a1 = dotAdd(a1, v128.and(q, m1), v);
      a2 = dotAdd(a2, v128.and(q, m2), v);
      a3 = dotAdd(a3, i16x8.shr_u(q, 12), v);
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
  const s = f32x4.splat(scale);
  finish(y, 0, f0, s, accumulate);
  finish(y, 16, f1, s, accumulate);
  finish(y, 32, f2, s, accumulate);
  finish(y, 48, f3, s, accumulate);
  return ahead;
}

// Two tokens share the masked weights; the f32 sums live in memory between blocks, there are not registers enough.
function panel2(
  w: usize, bytes: usize, xa: usize, xb: usize, sumsA: usize, sumsB: usize, scaleA: f32, scaleB: f32, ya: usize, yb: usize, accumulate: bool,
): void {
  const m0 = i16x8.splat(0x000f);
  const m1 = i16x8.splat(0x00f0);
  const m2 = i16x8.splat(0x0f00);
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
    let a2 = i32x4.shl(a0, 8);
    let a3 = a0;
    let b0 = v128.load32_splat(sumsB);
    let b1 = i32x4.shl(b0, 4);
    let b2 = i32x4.shl(b0, 8);
    let b3 = b0;
    let at: usize = 0;
    while (at < <usize>BLOCK_COLS * 2) {
      const q = v128.load(w + (at << 2), 32);
      const va = v128.load32_splat(xa + at);
      const vb = v128.load32_splat(xb + at);
      let m = v128.and(q, m0);
      a0 = dotAdd(a0, m, va);
      b0 = dotAdd(b0, m, vb);
      m = v128.and(q, m1);
      a1 = dotAdd(a1, m, va);
      b1 = dotAdd(b1, m, vb);
      m = v128.and(q, m2);
      a2 = dotAdd(a2, m, va);
      b2 = dotAdd(b2, m, vb);
      m = i16x8.shr_u(q, 12);
      a3 = dotAdd(a3, m, va);
      b3 = dotAdd(b3, m, vb);
      at += 4;
    }
    const s0 = scale4(w, 0);
    const s1 = scale4(w, 8);
    const s2 = scale4(w, 16);
    const s3 = scale4(w, 24);
    fa0 = accumulator(fa0, a0, s0);
    fb0 = accumulator(fb0, b0, s0);
    fa1 = accumulator(fa1, a1, s1);
    fb1 = accumulator(fb1, b1, s1);
    fa2 = accumulator(fa2, a2, s2);
    fb2 = accumulator(fb2, b2, s2);
    fa3 = accumulator(fa3, a3, s3);
    fb3 = accumulator(fb3, b3, s3);
    w += Q4_BLOCK_BYTES;
    xa += BLOCK_COLS * 2;
    xb += BLOCK_COLS * 2;
    sumsA += 4;
    sumsB += 4;
  }
  const sa = f32x4.splat(scaleA);
  const sb = f32x4.splat(scaleB);
  finish(ya, 0, fa0, sa, accumulate);
  finish(ya, 16, fa1, sa, accumulate);
  finish(ya, 32, fa2, sa, accumulate);
  finish(ya, 48, fa3, sa, accumulate);
  finish(yb, 0, fb0, sb, accumulate);
  finish(yb, 16, fb1, sb, accumulate);
  finish(yb, 32, fb2, sb, accumulate);
  finish(yb, 48, fb3, sb, accumulate);
}
