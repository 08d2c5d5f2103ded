import { BLOCK_COLS, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES } from "../../../core/layout/matrix";
import { Product } from "../product";
import { mask00ff } from "./constants";
import { addScaled, dotAdd, finishTile, high, scale4, startQ8 } from "./panel";
import { clearedSums, TOKEN_SUMS } from "./sums";

/** One panel of matmulQ8 (matmul_q8.ts) for tokens t..t + 3, eight rows of a group at a time: weights are unpacked once for the four. */
export function panel4(w: usize, blocks: i32, product: Product, t: i32, column: usize): void {
  let x0 = product.quantised(t);
  let x1 = product.quantised(t + 1);
  let x2 = product.quantised(t + 2);
  let x3 = product.quantised(t + 3);
  const s0 = product.sums(t);
  const s1 = product.sums(t + 1);
  const s2 = product.sums(t + 2);
  const s3 = product.sums(t + 3);
  const sums = clearedSums(4);
  const low = mask00ff();
  let b: usize = 0;
  for (let left = blocks; left > 0; left -= Q8_GROUP_BLOCKS) {
    const count = min(left, Q8_GROUP_BLOCKS);
    for (let half: usize = 0; half < 2; half++) {
      let a00 = startQ8(s0 + b, count);
      let a01 = a00;
      let a10 = startQ8(s1 + b, count);
      let a11 = a10;
      let a20 = startQ8(s2 + b, count);
      let a21 = a20;
      let a30 = startQ8(s3 + b, count);
      let a31 = a30;
      let p = w + Q8_HEAD_BYTES + (half << 5);
      const stop = p + count * Q8_BLOCK_BYTES;
      let y0 = x0;
      let y1 = x1;
      let y2 = x2;
      let y3 = x3;
      while (p < stop) {
        let q = v128.load(p);
        const m = v128.and(low, q);
        q = high(q);
        let o = v128.load(p, 16);
        const k = v128.and(low, o);
        o = high(o);
        let v = v128.load32_splat(y0);
        a00 = dotAdd(a00, m, v);
        a01 = dotAdd(a01, k, v);
        v = v128.load32_splat(y0, 4);
        a00 = dotAdd(a00, q, v);
        a01 = dotAdd(a01, o, v);
        v = v128.load32_splat(y1);
        a10 = dotAdd(a10, m, v);
        a11 = dotAdd(a11, k, v);
        v = v128.load32_splat(y1, 4);
        a10 = dotAdd(a10, q, v);
        a11 = dotAdd(a11, o, v);
        v = v128.load32_splat(y2);
        a20 = dotAdd(a20, m, v);
        a21 = dotAdd(a21, k, v);
        v = v128.load32_splat(y2, 4);
        a20 = dotAdd(a20, q, v);
        a21 = dotAdd(a21, o, v);
        v = v128.load32_splat(y3);
        a30 = dotAdd(a30, m, v);
        a31 = dotAdd(a31, k, v);
        v = v128.load32_splat(y3, 4);
        a30 = dotAdd(a30, q, v);
        a31 = dotAdd(a31, o, v);
        p += 64;
        y0 += 8;
        y1 += 8;
        y2 += 8;
        y3 += 8;
      }
      const to = sums + (half << 5);
      const c0 = scale4(w, half << 4);
      const c1 = scale4(w, (half << 4) + 8);
      addScaled(to, 0, a00, c0);
      addScaled(to, 16, a01, c1);
      addScaled(to, TOKEN_SUMS, a10, c0);
      addScaled(to, TOKEN_SUMS + 16, a11, c1);
      addScaled(to, 2 * TOKEN_SUMS, a20, c0);
      addScaled(to, 2 * TOKEN_SUMS + 16, a21, c1);
      addScaled(to, 3 * TOKEN_SUMS, a30, c0);
      addScaled(to, 3 * TOKEN_SUMS + 16, a31, c1);
    }
    const columns = count * (BLOCK_COLS * 2);
    x0 += columns;
    x1 += columns;
    x2 += columns;
    x3 += columns;
    b += (<usize>count) << 2;
    w += Q8_HEAD_BYTES + count * Q8_BLOCK_BYTES;
  }
  finishTile(product, t, column, sums);
}
