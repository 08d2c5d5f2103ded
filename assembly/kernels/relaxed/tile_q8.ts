import { BLOCK_COLS, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES } from "../../../core/layout/matrix";
import { Product } from "../product";
import { signs } from "../simd/constants";
import { scale4 } from "../simd/panel";
import { dot4 } from "./dot";
import { Q8_ROW_GROUP, ROW_DATA } from "./quantize";
import { scaled, sums4 } from "./scaled_q8";
import { finishRow } from "./store";

/** One panel of matmulQ8 (matmul_q8.ts) for tokens t..t + 3, eight rows at a time. Token t's sums are ft0 and ft1. */
export function panel4(w: usize, blocks: i32, product: Product, t: i32, column: usize): void {
  const sign = signs();
  for (let half: usize = 0; half < 2; half++) {
    let x0 = product.quantised(t);
    let x1 = product.quantised(t + 1);
    let x2 = product.quantised(t + 2);
    let x3 = product.quantised(t + 3);
    let f00 = f32x4.splat(0);
    let f01 = f00;
    let f10 = f00;
    let f11 = f00;
    let f20 = f00;
    let f21 = f00;
    let f30 = f00;
    let f31 = f00;
    let group = w;
    for (let left = blocks; left > 0; left -= Q8_GROUP_BLOCKS) {
      const count = min(left, Q8_GROUP_BLOCKS);
      let a00 = i32x4.splat(0);
      let a01 = a00;
      let a10 = a00;
      let a11 = a00;
      let a20 = a00;
      let a21 = a00;
      let a30 = a00;
      let a31 = a00;
      let p = group + Q8_HEAD_BYTES + half * 32;
      const stop = ROW_DATA + <usize>(count * BLOCK_COLS);
      for (let at = ROW_DATA; at < stop; at += 4) {
        const m = v128.xor(sign, v128.load(p));
        const k = v128.xor(sign, v128.load(p, 16));
        let v = v128.load32_splat(x0 + at);
        a00 = dot4(a00, m, v);
        a01 = dot4(a01, k, v);
        v = v128.load32_splat(x1 + at);
        a10 = dot4(a10, m, v);
        a11 = dot4(a11, k, v);
        v = v128.load32_splat(x2 + at);
        a20 = dot4(a20, m, v);
        a21 = dot4(a21, k, v);
        v = v128.load32_splat(x3 + at);
        a30 = dot4(a30, m, v);
        a31 = dot4(a31, k, v);
        p += 64;
      }
      const w0 = sums4(group, half * 16);
      const w1 = sums4(group, half * 16 + 8);
      const s0 = scale4(group, half * 16);
      const s1 = scale4(group, half * 16 + 8);
      f00 = scaled(f00, a00, w0, x0, s0);
      f01 = scaled(f01, a01, w1, x0, s1);
      x0 += Q8_ROW_GROUP;
      f10 = scaled(f10, a10, w0, x1, s0);
      f11 = scaled(f11, a11, w1, x1, s1);
      x1 += Q8_ROW_GROUP;
      f20 = scaled(f20, a20, w0, x2, s0);
      f21 = scaled(f21, a21, w1, x2, s1);
      x2 += Q8_ROW_GROUP;
      f30 = scaled(f30, a30, w0, x3, s0);
      f31 = scaled(f31, a31, w1, x3, s1);
      x3 += Q8_ROW_GROUP;
      group += Q8_HEAD_BYTES + count * Q8_BLOCK_BYTES;
    }
    const shift = column + half * 32;
    finishRow(product, t, shift, f00, f01);
    finishRow(product, t + 1, shift, f10, f11);
    finishRow(product, t + 2, shift, f20, f21);
    finishRow(product, t + 3, shift, f30, f31);
  }
}
