import { BLOCK_COLS, PANEL_ROWS, Q8_BLOCK_BYTES } from "../../layout";
import { accumulator, finish, finish2, scale4 } from "./panel";

// Four rows and two columns: eight int8 weights, widened, times a pair of int16 activations in every lane.
// @ts-ignore: decorator
@inline
function dot(w: v128, x: v128): v128 {
  return i32x4.dot_i16x8_s(w, x);
}

/** SIMD form of scalar/matmul_q8.ts: same bits. A lane is a row; one token at a time, or four to share the widened weights. */
export function matmulQ8(
  w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xScale: usize, xi: usize, n: i32,
  y: usize, yStride: usize, yi: usize, accumulate: bool,
): void {
  const panelBytes = <usize>((cols + BLOCK_COLS - 1) / BLOCK_COLS) * Q8_BLOCK_BYTES;
  for (let first = 0; first < rows; first += PANEL_ROWS) {
    const out = y + (first << 2);
    let t = 0;
    for (; t + 4 <= n; t += 4) {
      panel4(w, panelBytes, x, xStride, xScale, xi + (t << 2), out, yStride, yi + (t << 2), accumulate);
    }
    for (; t < n; t++) {
      const xr = <usize>load<u32>(xi + (t << 2));
      const yt = out + <usize>load<u32>(yi + (t << 2)) * yStride;
      panel1(w, panelBytes, x + <usize>xr * xStride, load<f32>(xScale + (xr << 2)), yt, accumulate);
    }
    w += panelBytes;
  }
}

// Unrolled over the whole block: at one token the kernel waits for memory, and the fewer instructions stand between two
// loads, the more cache lines are under way at once (measured: bench/RESULTS.md, "unrolling").
function panel1(w: usize, bytes: usize, x: usize, scale: f32, y: usize, accumulate: bool): void {
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let f2 = f0;
  let f3 = f0;
  const end = w + bytes;
  while (w < end) {
    let v = v128.load32_splat(x, 0);
    let a0 = dot(v128.load_ext<i8>(w, 32), v);
    let a1 = dot(v128.load_ext<i8>(w, 40), v);
    let a2 = dot(v128.load_ext<i8>(w, 48), v);
    let a3 = dot(v128.load_ext<i8>(w, 56), v);
    v = v128.load32_splat(x, 4);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 64), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 72), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 80), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 88), v));
    v = v128.load32_splat(x, 8);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 96), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 104), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 112), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 120), v));
    v = v128.load32_splat(x, 12);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 128), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 136), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 144), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 152), v));
    v = v128.load32_splat(x, 16);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 160), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 168), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 176), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 184), v));
    v = v128.load32_splat(x, 20);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 192), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 200), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 208), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 216), v));
    v = v128.load32_splat(x, 24);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 224), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 232), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 240), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 248), v));
    v = v128.load32_splat(x, 28);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 256), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 264), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 272), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 280), v));
    v = v128.load32_splat(x, 32);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 288), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 296), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 304), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 312), v));
    v = v128.load32_splat(x, 36);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 320), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 328), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 336), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 344), v));
    v = v128.load32_splat(x, 40);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 352), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 360), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 368), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 376), v));
    v = v128.load32_splat(x, 44);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 384), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 392), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 400), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 408), v));
    v = v128.load32_splat(x, 48);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 416), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 424), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 432), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 440), v));
    v = v128.load32_splat(x, 52);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 448), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 456), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 464), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 472), v));
    v = v128.load32_splat(x, 56);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 480), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 488), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 496), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 504), v));
    v = v128.load32_splat(x, 60);
    a0 = i32x4.add(a0, dot(v128.load_ext<i8>(w, 512), v));
    a1 = i32x4.add(a1, dot(v128.load_ext<i8>(w, 520), v));
    a2 = i32x4.add(a2, dot(v128.load_ext<i8>(w, 528), v));
    a3 = i32x4.add(a3, dot(v128.load_ext<i8>(w, 536), v));
    f0 = accumulator(f0, a0, scale4(w, 0));
    f1 = accumulator(f1, a1, scale4(w, 8));
    f2 = accumulator(f2, a2, scale4(w, 16));
    f3 = accumulator(f3, a3, scale4(w, 24));
    w += Q8_BLOCK_BYTES;
    x += BLOCK_COLS * 2;
  }
  const s = f32x4.splat(scale);
  finish(y, 0, f0, s, accumulate);
  finish(y, 16, f1, s, accumulate);
  finish(y, 32, f2, s, accumulate);
  finish(y, 48, f3, s, accumulate);
}

// Four tokens, eight rows at a time: weights are widened once for four tokens, and the 16 registers hold everything.
function panel4(
  w: usize, bytes: usize, x: usize, xStride: usize, xScale: usize, xi: usize, y: usize, yStride: usize, yi: usize, accumulate: bool,
): void {
  const r0 = <usize>load<u32>(xi);
  const r1 = <usize>load<u32>(xi, 4);
  const r2 = <usize>load<u32>(xi, 8);
  const r3 = <usize>load<u32>(xi, 12);
  const x0 = x + <usize>r0 * xStride;
  const x1 = x + <usize>r1 * xStride;
  const x2 = x + <usize>r2 * xStride;
  const x3 = x + <usize>r3 * xStride;
  for (let half: usize = 0; half < 2; half++) {
    let f00 = f32x4.splat(0);
    let f01 = f00;
    let f10 = f00;
    let f11 = f00;
    let f20 = f00;
    let f21 = f00;
    let f30 = f00;
    let f31 = f00;
    let block = w + half * 16;
    const end = block + bytes;
    let at: usize = 0;
    while (block < end) {
      let a00 = i32x4.splat(0);
      let a01 = a00;
      let a10 = a00;
      let a11 = a00;
      let a20 = a00;
      let a21 = a00;
      let a30 = a00;
      let a31 = a00;
      let q = block;
      const stop = at + BLOCK_COLS * 2;
      while (at < stop) {
        let w0 = v128.load_ext<i8>(q, 32);
        let w1 = v128.load_ext<i8>(q, 40);
        let v = v128.load32_splat(x0 + at);
        a00 = i32x4.add(a00, dot(w0, v));
        a01 = i32x4.add(a01, dot(w1, v));
        v = v128.load32_splat(x1 + at);
        a10 = i32x4.add(a10, dot(w0, v));
        a11 = i32x4.add(a11, dot(w1, v));
        v = v128.load32_splat(x2 + at);
        a20 = i32x4.add(a20, dot(w0, v));
        a21 = i32x4.add(a21, dot(w1, v));
        v = v128.load32_splat(x3 + at);
        a30 = i32x4.add(a30, dot(w0, v));
        a31 = i32x4.add(a31, dot(w1, v));
        w0 = v128.load_ext<i8>(q, 64);
        w1 = v128.load_ext<i8>(q, 72);
        v = v128.load32_splat(x0 + at, 4);
        a00 = i32x4.add(a00, dot(w0, v));
        a01 = i32x4.add(a01, dot(w1, v));
        v = v128.load32_splat(x1 + at, 4);
        a10 = i32x4.add(a10, dot(w0, v));
        a11 = i32x4.add(a11, dot(w1, v));
        v = v128.load32_splat(x2 + at, 4);
        a20 = i32x4.add(a20, dot(w0, v));
        a21 = i32x4.add(a21, dot(w1, v));
        v = v128.load32_splat(x3 + at, 4);
        a30 = i32x4.add(a30, dot(w0, v));
        a31 = i32x4.add(a31, dot(w1, v));
        q += 64;
        at += 8;
      }
      const s0 = scale4(block, 0);
      const s1 = scale4(block, 8);
      f00 = accumulator(f00, a00, s0);
      f01 = accumulator(f01, a01, s1);
      f10 = accumulator(f10, a10, s0);
      f11 = accumulator(f11, a11, s1);
      f20 = accumulator(f20, a20, s0);
      f21 = accumulator(f21, a21, s1);
      f30 = accumulator(f30, a30, s0);
      f31 = accumulator(f31, a31, s1);
      block += Q8_BLOCK_BYTES;
    }
    const out = y + half * 32;
    finish2(out + <usize>load<u32>(yi, 0) * yStride, f00, f01, load<f32>(xScale + (r0 << 2)), accumulate);
    finish2(out + <usize>load<u32>(yi, 4) * yStride, f10, f11, load<f32>(xScale + (r1 << 2)), accumulate);
    finish2(out + <usize>load<u32>(yi, 8) * yStride, f20, f21, load<f32>(xScale + (r2 << 2)), accumulate);
    finish2(out + <usize>load<u32>(yi, 12) * yStride, f30, f31, load<f32>(xScale + (r3 << 2)), accumulate);
  }
}
