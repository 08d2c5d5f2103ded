import { BLOCK_COLS, Q8_HEAD_BYTES } from "../../core/layout/matrix";
import { signs } from "../../assembly/kernels/simd/constants";
import { scale4 } from "../../assembly/kernels/simd/panel";
import { dot4 } from "../../assembly/kernels/relaxed/dot";
import { ROW_DATA } from "../../assembly/kernels/relaxed/quantize";
import { scaled, sums4 } from "../../assembly/kernels/relaxed/scaled_q8";

/** Bytes from one token's activations to the next. */
const TOKEN: usize = 256;

export function relaxedQ8(groups: i32, blocks: i32, w: usize): void {
  const sign = signs();
  const x = w + 4096;
  const stop = x + <usize>(blocks * BLOCK_COLS);
  let f = f32x4.splat(0);
  let g = f;
  for (; groups > 0; groups--) {
    let a00 = i32x4.splat(0);
    let a01 = a00;
    let a10 = a00;
    let a11 = a00;
    let a20 = a00;
    let a21 = a00;
    let a30 = a00;
    let a31 = a00;
    let p = w + Q8_HEAD_BYTES;
    for (let at = x; at < stop; at += 4) {
      const m = v128.xor(sign, v128.load(p));
      const k = v128.xor(sign, v128.load(p, 16));
      let v = v128.load32_splat(at, ROW_DATA);
      a00 = dot4(a00, m, v);
      a01 = dot4(a01, k, v);
      v = v128.load32_splat(at, ROW_DATA + TOKEN);
      a10 = dot4(a10, m, v);
      a11 = dot4(a11, k, v);
      v = v128.load32_splat(at, ROW_DATA + 2 * TOKEN);
      a20 = dot4(a20, m, v);
      a21 = dot4(a21, k, v);
      v = v128.load32_splat(at, ROW_DATA + 3 * TOKEN);
      a30 = dot4(a30, m, v);
      a31 = dot4(a31, k, v);
      p += 64;
    }
    const w0 = sums4(w, 0);
    const w1 = sums4(w, 8);
    const s0 = scale4(w, 0);
    const s1 = scale4(w, 8);
    f = scaled(f, a00, w0, x, s0);
    g = scaled(g, a01, w1, x, s1);
    f = scaled(f, a10, w0, x + TOKEN, s0);
    g = scaled(g, a11, w1, x + TOKEN, s1);
    f = scaled(f, a20, w0, x + 2 * TOKEN, s0);
    g = scaled(g, a21, w1, x + 2 * TOKEN, s1);
    f = scaled(f, a30, w0, x + 3 * TOKEN, s0);
    g = scaled(g, a31, w1, x + 3 * TOKEN, s1);
  }
  v128.store(x, f32x4.add(f, g), 1024);
}
