import { BLOCK_COLS } from "../../core/layout/matrix";
import { mask000f, mask00f0 } from "../../assembly/kernels/simd/constants";
import { accumulator, dotAdd, scale4 } from "../../assembly/kernels/simd/panel";

/** Bytes from one token's activations to the next. */
const TOKEN: usize = 64;

export function simdQ4(blocks: i32, w: usize): void {
  const low = mask000f();
  const high = mask00f0();
  const x = w + 4096;
  let f = f32x4.splat(0);
  for (; blocks > 0; blocks--) {
    let a00 = v128.load32_splat(x, 4);
    let a01 = i32x4.shl(a00, 4);
    let a10 = a00;
    let a11 = a01;
    let a20 = a00;
    let a21 = a01;
    let a30 = a00;
    let a31 = a01;
    let p = w;
    for (let at = x; at < x + BLOCK_COLS * 2; at += 8) {
      let q = v128.load(p, 32);
      let m = v128.and(low, q);
      let h = v128.and(high, q);
      let v = v128.load32_splat(at);
      a00 = dotAdd(a00, m, v);
      a01 = dotAdd(a01, h, v);
      v = v128.load32_splat(at, TOKEN);
      a10 = dotAdd(a10, m, v);
      a11 = dotAdd(a11, h, v);
      v = v128.load32_splat(at, 2 * TOKEN);
      a20 = dotAdd(a20, m, v);
      a21 = dotAdd(a21, h, v);
      v = v128.load32_splat(at, 3 * TOKEN);
      a30 = dotAdd(a30, m, v);
      a31 = dotAdd(a31, h, v);
      q = i16x8.shr_u(q, 8);
      m = v128.and(low, q);
      h = v128.and(high, q);
      v = v128.load32_splat(at, 4);
      a00 = dotAdd(a00, m, v);
      a01 = dotAdd(a01, h, v);
      v = v128.load32_splat(at, TOKEN + 4);
      a10 = dotAdd(a10, m, v);
      a11 = dotAdd(a11, h, v);
      v = v128.load32_splat(at, 2 * TOKEN + 4);
      a20 = dotAdd(a20, m, v);
      a21 = dotAdd(a21, h, v);
      v = v128.load32_splat(at, 3 * TOKEN + 4);
      a30 = dotAdd(a30, m, v);
      a31 = dotAdd(a31, h, v);
      p += 32;
    }
    const c0 = scale4(w, 0);
    const c1 = scale4(w, 8);
    f = accumulator(f, a00, c0);
    f = accumulator(f, a01, c1);
    f = accumulator(f, a10, c0);
    f = accumulator(f, a11, c1);
    f = accumulator(f, a20, c0);
    f = accumulator(f, a21, c1);
    f = accumulator(f, a30, c0);
    f = accumulator(f, a31, c1);
  }
  v128.store(x, f, 1024);
}
