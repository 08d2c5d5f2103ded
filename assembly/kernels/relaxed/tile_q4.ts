import { BLOCK_COLS, Q4_BLOCK_BYTES } from "../../../core/layout/matrix";
import { Product } from "../product";
import { mask0f } from "../simd/constants";
import { readAhead288, scale4 } from "../simd/panel";
import { clearedSums, TOKEN_SUMS } from "../simd/sums";
import { dot4 } from "./dot";
import { Q4_ROW_BLOCK, ROW_DATA } from "./quantize";
import { addScaled, storeSums } from "./scaled_q4";
import { ADD, STORE } from "./store";

/**
 * One panel of matmulQ4 (matmul_q4.ts) for tokens t..t + 3: a block's weights are unpacked once for the four. Of a block the rows of low
 * and high nibbles that share bytes go together, eight rows: two sums a token. Both halves of a block before the next one: so memory is
 * read at an even pace. Reads ahead (simd/panel.ts); returns what it read.
 */
export function panel4(w: usize, bytes: usize, product: Product, t: i32, column: usize): i32 {
  let x0 = product.quantised(t);
  let x1 = product.quantised(t + 1);
  let x2 = product.quantised(t + 2);
  let x3 = product.quantised(t + 3);
  const sums = clearedSums(4);
  const low = mask0f();
  let ahead = 0;
  const end = w + bytes;
  while (w < end) {
    ahead |= readAhead288(w);
    for (let half: usize = 0; half < 2; half++) {
      let a00 = v128.load32_splat(x0, 4);
      let a01 = a00;
      let a10 = v128.load32_splat(x1, 4);
      let a11 = a10;
      let a20 = v128.load32_splat(x2, 4);
      let a21 = a20;
      let a30 = v128.load32_splat(x3, 4);
      let a31 = a30;
      let p = w + (half << 4);
      for (let at: usize = 0; at < <usize>BLOCK_COLS; at += 4) {
        let q = v128.load(p, 32);
        const m = v128.and(low, q);
        q = v128.and(low, i16x8.shr_u(q, 4));
        let v = v128.load32_splat(x0 + at, ROW_DATA);
        a00 = dot4(a00, v, m);
        a01 = dot4(a01, v, q);
        v = v128.load32_splat(x1 + at, ROW_DATA);
        a10 = dot4(a10, v, m);
        a11 = dot4(a11, v, q);
        v = v128.load32_splat(x2 + at, ROW_DATA);
        a20 = dot4(a20, v, m);
        a21 = dot4(a21, v, q);
        v = v128.load32_splat(x3 + at, ROW_DATA);
        a30 = dot4(a30, v, m);
        a31 = dot4(a31, v, q);
        p += 32;
      }
      const to = sums + (half << 5);
      const c0 = scale4(w, half << 4);
      const c1 = scale4(w, (half << 4) + 8);
      let s = v128.load32_splat(x0);
      addScaled(to, 0, a00, c0, s);
      addScaled(to, 16, a01, c1, f32x4.mul(s, f32x4.splat(16)));
      s = v128.load32_splat(x1);
      addScaled(to, TOKEN_SUMS, a10, c0, s);
      addScaled(to, TOKEN_SUMS + 16, a11, c1, f32x4.mul(s, f32x4.splat(16)));
      s = v128.load32_splat(x2);
      addScaled(to, 2 * TOKEN_SUMS, a20, c0, s);
      addScaled(to, 2 * TOKEN_SUMS + 16, a21, c1, f32x4.mul(s, f32x4.splat(16)));
      s = v128.load32_splat(x3);
      addScaled(to, 3 * TOKEN_SUMS, a30, c0, s);
      addScaled(to, 3 * TOKEN_SUMS + 16, a31, c1, f32x4.mul(s, f32x4.splat(16)));
    }
    w += Q4_BLOCK_BYTES;
    x0 += Q4_ROW_BLOCK;
    x1 += Q4_ROW_BLOCK;
    x2 += Q4_ROW_BLOCK;
    x3 += Q4_ROW_BLOCK;
  }
  const ending = product.accumulate ? ADD : STORE;
  for (let i = 0; i < 4; i++) storeSums(product.out(t + i) + column, sums + <usize>i * TOKEN_SUMS, ending);
  return ahead;
}
