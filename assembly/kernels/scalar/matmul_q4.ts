import { BLOCK_COLS, PANEL_ROWS, Q4_BLOCK_BYTES, SCALE_BYTES } from "../../../core/layout/matrix";
import { Product } from "../product";
import { bf16 } from "./bf16";

/** Nibble (0..15) of row r, column c of a block at `block`: rows r and r + 4 of a pair of row quads share a byte. */
// @ts-ignore: decorator
@inline
export function q4NibbleAt(block: usize, r: i32, c: i32): i32 {
  return ((<i32>load<u8>(block + q4ByteAt(r, c))) >> (r & 4)) & 15;
}

/** Where in a block the byte lies that holds the nibbles of (r, c) and of the row four further or before. */
export function q4ByteAt(r: i32, c: i32): usize {
  return SCALE_BYTES + ((c >> 2) << 5) + ((r >> 3) << 4) + ((r & 3) << 2) + ((c & 1) << 1) + ((c >> 1) & 1);
}

/**
 * A product (product.ts) with weights of 4 bits: weight = (nibble - 8) * scale. Rows whose nibbles are the high ones
 * (4..7, 12..15) are kept with scales divided by 16, because the SIMD kernel multiplies their nibbles without shifting them down.
 * Same arithmetic and bits as q8's kernel otherwise.
 */
export function matmulQ4(p: Product): void {
  const blocks = (p.cols + BLOCK_COLS - 1) / BLOCK_COLS;
  let w = p.w;
  for (let first = 0; first < p.rows; first += PANEL_ROWS) {
    for (let t = 0; t < p.n; t++) {
      const x = p.quantised(t);
      const scale = p.scale(t);
      const y = p.out(t) + (first << 2);
      for (let r = 0; r < PANEL_ROWS; r++) {
        let sum: f32 = 0;
        for (let b = 0; b < blocks; b++) {
          const block = w + b * Q4_BLOCK_BYTES;
          let dot = 0;
          for (let c = 0; c < BLOCK_COLS; c++) dot += (q4NibbleAt(block, r, c) - 8) * <i32>load<i16>(x + ((b * BLOCK_COLS + c) << 1));
          sum += <f32>(dot << (r & 4)) * bf16(block + (r << 1));
        }
        const out = y + (r << 2);
        store<f32>(out, p.accumulate ? load<f32>(out) + sum * scale : sum * scale);
      }
    }
    w += blocks * Q4_BLOCK_BYTES;
  }
}
