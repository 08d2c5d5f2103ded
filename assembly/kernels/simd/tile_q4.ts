import { BLOCK_COLS, Q4_BLOCK_BYTES, SCALE_BYTES } from "../../../core/layout/matrix";
import { Product } from "../product";
import { mask000f, mask00f0 } from "./constants";
import { addScaled, dotAdd, finishTile, scale4 } from "./panel";
import { clearedSums, TOKEN_SUMS } from "./sums";

/** Bytes of a quantised block of activations. */
const X_BLOCK: usize = BLOCK_COLS * 2;

/**
 * One panel of matmulQ4 (matmul_q4.ts) for tokens t..t + 3: a block's weights are unpacked once for the four. Of a block the rows of low
 * and high nibbles that share bytes go together, eight rows: two sums a token.
 */
export function panel4(w: usize, bytes: usize, product: Product, t: i32, column: usize): void {
  let x0 = product.quantised(t);
  let x1 = product.quantised(t + 1);
  let x2 = product.quantised(t + 2);
  let x3 = product.quantised(t + 3);
  let s0 = product.sums(t);
  let s1 = product.sums(t + 1);
  let s2 = product.sums(t + 2);
  let s3 = product.sums(t + 3);
  const sums = clearedSums(4);
  const low = mask000f();
  const high = mask00f0();
  const end = w + bytes;
  while (w < end) {
    for (let half: usize = 0; half < 2; half++) {
      let a00 = v128.load32_splat(s0);
      let a01 = i32x4.shl(a00, 4);
      let a10 = v128.load32_splat(s1);
      let a11 = i32x4.shl(a10, 4);
      let a20 = v128.load32_splat(s2);
      let a21 = i32x4.shl(a20, 4);
      let a30 = v128.load32_splat(s3);
      let a31 = i32x4.shl(a30, 4);
      let p = w + (half << 4);
      const stop = p + (Q4_BLOCK_BYTES - SCALE_BYTES);
      let y0 = x0;
      let y1 = x1;
      let y2 = x2;
      let y3 = x3;
      while (p < stop) {
        let q = v128.load(p, 32);
        let m = v128.and(low, q);
        let h = v128.and(high, q);
        let v = v128.load32_splat(y0);
        a00 = dotAdd(a00, m, v);
        a01 = dotAdd(a01, h, v);
        v = v128.load32_splat(y1);
        a10 = dotAdd(a10, m, v);
        a11 = dotAdd(a11, h, v);
        v = v128.load32_splat(y2);
        a20 = dotAdd(a20, m, v);
        a21 = dotAdd(a21, h, v);
        v = v128.load32_splat(y3);
        a30 = dotAdd(a30, m, v);
        a31 = dotAdd(a31, h, v);
        q = i16x8.shr_u(q, 8);
        m = v128.and(low, q);
        h = v128.and(high, q);
        v = v128.load32_splat(y0, 4);
        a00 = dotAdd(a00, m, v);
        a01 = dotAdd(a01, h, v);
        v = v128.load32_splat(y1, 4);
        a10 = dotAdd(a10, m, v);
        a11 = dotAdd(a11, h, v);
        v = v128.load32_splat(y2, 4);
        a20 = dotAdd(a20, m, v);
        a21 = dotAdd(a21, h, v);
        v = v128.load32_splat(y3, 4);
        a30 = dotAdd(a30, m, v);
        a31 = dotAdd(a31, h, v);
        p += 32;
        y0 += 8;
        y1 += 8;
        y2 += 8;
        y3 += 8;
      }
      const to = sums + (half << 5);
      const c0 = scale4(w + (half << 4), 0);
      const c1 = scale4(w + (half << 4), 8);
      addScaled(to, 0, a00, c0);
      addScaled(to, 16, a01, c1);
      addScaled(to, TOKEN_SUMS, a10, c0);
      addScaled(to, TOKEN_SUMS + 16, a11, c1);
      addScaled(to, 2 * TOKEN_SUMS, a20, c0);
      addScaled(to, 2 * TOKEN_SUMS + 16, a21, c1);
      addScaled(to, 3 * TOKEN_SUMS, a30, c0);
      addScaled(to, 3 * TOKEN_SUMS + 16, a31, c1);
    }
    w += Q4_BLOCK_BYTES;
    x0 += X_BLOCK;
    x1 += X_BLOCK;
    x2 += X_BLOCK;
    x3 += X_BLOCK;
    s0 += 4;
    s1 += 4;
    s2 += 4;
    s3 += 4;
  }
  finishTile(product, t, column, sums);
}
