import { BLOCK_COLS, PANEL_ROWS, Q4_BLOCK_BYTES, SCALE_BYTES } from "../../layout";
import { bf16 } from "./bf16";

/**
 * y[yi[t]] = W x[xi[t]], or += with `accumulate`. W is q4 in panels: weight = (nibble - 8) * scale. Row r, column c of a
 * block is nibble r / 4 of the u16 number (r % 4) * 2 + c % 2 in column pair c / 2. Rows 4..15 are kept with scales
 * divided by 16^(r / 4 mod 3), because the SIMD kernel multiplies their nibbles without shifting them down.
 * Same arithmetic and bits as q8's kernel otherwise.
 */
export function matmulQ4(
  w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xScale: usize, xSums: usize, sumsStride: usize, xi: usize, n: i32,
  y: usize, yStride: usize, yi: usize, accumulate: bool,
): void {
  const blocks = (cols + BLOCK_COLS - 1) / BLOCK_COLS;
  for (let first = 0; first < rows; first += PANEL_ROWS) {
    for (let t = 0; t < n; t++) {
      const xr = load<u32>(xi + (t << 2));
      const xt = x + <usize>xr * xStride;
      const scale = load<f32>(xScale + (xr << 2));
      const yt = y + <usize>load<u32>(yi + (t << 2)) * yStride + (first << 2);
      for (let r = 0; r < PANEL_ROWS; r++) {
        const group = r >> 2;
        const shift = group === 3 ? 0 : group << 2;
        let sum: f32 = 0;
        for (let b = 0; b < blocks; b++) {
          const block = w + b * Q4_BLOCK_BYTES;
          let dot = 0;
          for (let c = 0; c < BLOCK_COLS; c++) {
            const word = <i32>load<u16>(block + SCALE_BYTES + (c >> 1) * 16 + (((r & 3) << 1) + (c & 1)) * 2);
            const q = ((word >> (group << 2)) & 15) - 8;
            dot += (q << shift) * <i32>load<i16>(xt + ((b * BLOCK_COLS + c) << 1));
          }
          sum += <f32>dot * bf16(block + (r << 1));
        }
        const out = yt + (r << 2);
        store<f32>(out, accumulate ? load<f32>(out) + sum * scale : sum * scale);
      }
    }
    w += blocks * Q4_BLOCK_BYTES;
  }
}
