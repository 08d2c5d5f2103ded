import { BLOCK_COLS, PANEL_ROWS, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES } from "../../../core/layout/matrix";
import { Product } from "../product";
import { bf16 } from "./bf16";

/** Where the byte of row r, column c lies after a group's scales and sums. */
// @ts-ignore: decorator
@inline
export function q8ByteAt(r: i32, c: i32): usize {
  return ((c >> 2) << 6) + (r << 2) + ((c & 1) << 1) + ((c >> 1) & 1);
}

/**
 * A product (product.ts) with weights of 8 bits: weight = (byte - 128) * scale, bytes as `q8ByteAt` says; the sums of weights that a group
 * carries are for the relaxed form. Its input is quantised to i16 rows, each with an f32 scale and, for the kernels that do not take 128
 * away from each byte, block sums. Per group of up to 128 columns the product is exact in i32; groups are added in f32 in ascending order,
 * then multiplied by the token's scale: `scalar` and `simd` give the same bits.
 */
export function matmulQ8(p: Product): void {
  const blocks = (p.cols + BLOCK_COLS - 1) / BLOCK_COLS;
  const groups = (blocks + Q8_GROUP_BLOCKS - 1) / Q8_GROUP_BLOCKS;
  let w = p.w;
  for (let first = 0; first < p.rows; first += PANEL_ROWS) {
    for (let t = 0; t < p.n; t++) {
      const x = p.quantised(t);
      const scale = p.scale(t);
      const y = p.out(t) + (first << 2);
      for (let r = 0; r < PANEL_ROWS; r++) {
        let sum: f32 = 0;
        for (let g = 0; g < groups; g++) {
          const group = w + g * (Q8_HEAD_BYTES + Q8_GROUP_BLOCKS * Q8_BLOCK_BYTES);
          const column = g * Q8_GROUP_BLOCKS * BLOCK_COLS;
          const count = min(Q8_GROUP_BLOCKS * BLOCK_COLS, blocks * BLOCK_COLS - column);
          let dot = 0;
          for (let c = 0; c < count; c++) {
            const q = <i32>load<u8>(group + Q8_HEAD_BYTES + q8ByteAt(r, c)) - 128;
            dot += q * <i32>load<i16>(x + ((column + c) << 1));
          }
          sum += <f32>dot * bf16(group + (r << 1));
        }
        const out = y + (r << 2);
        store<f32>(out, p.accumulate ? load<f32>(out) + sum * scale : sum * scale);
      }
    }
    w += groups * Q8_HEAD_BYTES + blocks * Q8_BLOCK_BYTES;
  }
}
