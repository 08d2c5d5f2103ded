import { BLOCK_COLS, Q8_HEAD_BYTES } from "../../core/layout/matrix";
import { mask00ff } from "../../assembly/kernels/simd/constants";
import { accumulator, dotAdd, high, scale4, startQ8 } from "../../assembly/kernels/simd/panel";

/** Bytes from one token's activations to the next. */
const TOKEN: usize = 256;

export function simdQ8(groups: i32, blocks: i32, w: usize): void {
  const low = mask00ff();
  const x = w + 4096;
  const stop = x + <usize>(blocks * BLOCK_COLS * 2);
  let f = f32x4.splat(0);
  for (; groups > 0; groups--) {
    let a00 = startQ8(x, blocks);
    let a01 = a00;
    let a10 = a00;
    let a11 = a00;
    let a20 = a00;
    let a21 = a00;
    let a30 = a00;
    let a31 = a00;
    let p = w + Q8_HEAD_BYTES;
    for (let at = x; at < stop; at += 8) {
      let q = v128.load(p);
      const m = v128.and(low, q);
      q = high(q);
      let o = v128.load(p, 16);
      const k = v128.and(low, o);
      o = high(o);
      let v = v128.load32_splat(at);
      a00 = dotAdd(a00, m, v);
      a01 = dotAdd(a01, k, v);
      v = v128.load32_splat(at, 4);
      a00 = dotAdd(a00, q, v);
      a01 = dotAdd(a01, o, v);
      v = v128.load32_splat(at, TOKEN);
      a10 = dotAdd(a10, m, v);
      a11 = dotAdd(a11, k, v);
      v = v128.load32_splat(at, TOKEN + 4);
      a10 = dotAdd(a10, q, v);
      a11 = dotAdd(a11, o, v);
      v = v128.load32_splat(at, 2 * TOKEN);
      a20 = dotAdd(a20, m, v);
      a21 = dotAdd(a21, k, v);
      v = v128.load32_splat(at, 2 * TOKEN + 4);
      a20 = dotAdd(a20, q, v);
      a21 = dotAdd(a21, o, v);
      v = v128.load32_splat(at, 3 * TOKEN);
      a30 = dotAdd(a30, m, v);
      a31 = dotAdd(a31, k, v);
      v = v128.load32_splat(at, 3 * TOKEN + 4);
      a30 = dotAdd(a30, q, v);
      a31 = dotAdd(a31, o, v);
      p += 64;
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
