import { BLOCK_COLS, PANEL_ROWS, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES } from "../../../core/layout";
import { bf16 } from "./bf16";

/** Where the byte of row r, column c lies after a group's scales and sums. */
// @ts-ignore: decorator
@inline
export function q8ByteAt(r: i32, c: i32): usize {
  return ((c >> 2) << 6) + (r << 2) + ((c & 1) << 1) + ((c >> 1) & 1);
}

/**
 * y[yi[t]] = W x[xi[t]], or += with `accumulate`, for t = 0..n-1. W is q8 in panels: weight = (byte - 128) * scale, bytes as `q8ByteAt`
 * says; the sums of weights that a group carries are for the relaxed form. x is quantised to i16 rows `xStride` bytes apart, each with an
 * f32 scale and, for the kernels that do not take 128 away from each byte, block sums. Per group of up to 128 columns the product is exact
 * in i32; groups are added in f32 in ascending order, then multiplied by the token's scale: `scalar` and `simd` give the same bits.
 */
export function matmulQ8(
  w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xScale: usize, xSums: usize, sumsStride: usize, xi: usize, n: i32,
  y: usize, yStride: usize, yi: usize, accumulate: bool,
): void {
  const blocks = (cols + BLOCK_COLS - 1) / BLOCK_COLS;
  const groups = (blocks + Q8_GROUP_BLOCKS - 1) / Q8_GROUP_BLOCKS;
  for (let first = 0; first < rows; first += PANEL_ROWS) {
    for (let t = 0; t < n; t++) {
      const xr = load<u32>(xi + (t << 2));
      const xt = x + <usize>xr * xStride;
      const scale = load<f32>(xScale + (xr << 2));
      const yt = y + <usize>load<u32>(yi + (t << 2)) * yStride + (first << 2);
      for (let r = 0; r < PANEL_ROWS; r++) {
        let sum: f32 = 0;
        for (let g = 0; g < groups; g++) {
          const group = w + g * (Q8_HEAD_BYTES + Q8_GROUP_BLOCKS * Q8_BLOCK_BYTES);
          const from = g * Q8_GROUP_BLOCKS * BLOCK_COLS;
          const count = min(Q8_GROUP_BLOCKS * BLOCK_COLS, blocks * BLOCK_COLS - from);
          let dot = 0;
          for (let c = 0; c < count; c++) {
            const q = <i32>load<u8>(group + Q8_HEAD_BYTES + q8ByteAt(r, c)) - 128;
            dot += q * <i32>load<i16>(xt + ((from + c) << 1));
          }
          sum += <f32>dot * bf16(group + (r << 1));
        }
        const out = yt + (r << 2);
        store<f32>(out, accumulate ? load<f32>(out) + sum * scale : sum * scale);
      }
    }
    w += groups * Q8_HEAD_BYTES + blocks * Q8_BLOCK_BYTES;
  }
}
