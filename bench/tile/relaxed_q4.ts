import { BLOCK_COLS } from "../../core/layout/matrix";
import { mask0f } from "../../assembly/kernels/simd/constants";
import { scale4 } from "../../assembly/kernels/simd/panel";
import { dot4 } from "../../assembly/kernels/relaxed/dot";
import { ROW_DATA } from "../../assembly/kernels/relaxed/quantize";
import { scaled } from "../../assembly/kernels/relaxed/scaled_q4";

/** Bytes from one token's activations to the next. */
const TOKEN: usize = 64;

export function relaxedQ4(blocks: i32, w: usize): void {
  const low = mask0f();
  const x = w + 4096;
  let f = f32x4.splat(0);
  let g = f;
  for (; blocks > 0; blocks--) {
    let a00 = v128.load32_splat(x, 4);
    let a01 = a00;
    let a10 = a00;
    let a11 = a00;
    let a20 = a00;
    let a21 = a00;
    let a30 = a00;
    let a31 = a00;
    let p = w;
    for (let at = x; at < x + BLOCK_COLS; at += 4) {
      let q = v128.load(p, 32);
      const m = v128.and(low, q);
      q = v128.and(low, i16x8.shr_u(q, 4));
      let v = v128.load32_splat(at, ROW_DATA);
      a00 = dot4(a00, v, m);
      a01 = dot4(a01, v, q);
      v = v128.load32_splat(at, ROW_DATA + TOKEN);
      a10 = dot4(a10, v, m);
      a11 = dot4(a11, v, q);
      v = v128.load32_splat(at, ROW_DATA + 2 * TOKEN);
      a20 = dot4(a20, v, m);
      a21 = dot4(a21, v, q);
      v = v128.load32_splat(at, ROW_DATA + 3 * TOKEN);
      a30 = dot4(a30, v, m);
      a31 = dot4(a31, v, q);
      p += 32;
    }
    const c0 = scale4(w, 0);
    const c1 = scale4(w, 8);
    const s = v128.load32_splat(x);
    const s16 = f32x4.mul(s, f32x4.splat(16));
    f = scaled(f, a00, c0, s);
    g = scaled(g, a01, c1, s16);
    f = scaled(f, a10, c0, s);
    g = scaled(g, a11, c1, s16);
    f = scaled(f, a20, c0, s);
    g = scaled(g, a21, c1, s16);
    f = scaled(f, a30, c0, s);
    g = scaled(g, a31, c1, s16);
  }
  v128.store(x, f32x4.add(f, g), 1024);
}
