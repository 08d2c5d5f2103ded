import { ACTIVATION_MAX, BLOCK_COLS } from "../../../core/layout/matrix";

/**
 * Quantises n f32 rows of `cols` values to i16: q = nearest(x / scale), scale = max|x| / ACTIVATION_MAX, zeros up to a whole block.
 * Also writes, per block, -8 times the sum of its q (what q4's offset of 8 takes away). A row of zeros has scale 0.
 */
export function quantize(
  x: usize,
  xStride: usize,
  n: i32,
  cols: i32,
  q: usize,
  qStride: usize,
  scales: usize,
  sums: usize,
  sumsStride: usize,
): void {
  const blocks = (cols + BLOCK_COLS - 1) / BLOCK_COLS;
  for (let t = 0; t < n; t++) {
    const xt = x + <usize>t * xStride;
    const qt = q + <usize>t * qStride;
    let peak: f32 = 0;
    for (let c = 0; c < cols; c++) peak = max<f32>(peak, abs<f32>(load<f32>(xt + (c << 2))));
    store<f32>(scales + (t << 2), peak / <f32>ACTIVATION_MAX);
    const inverse: f32 = peak > 0 ? <f32>ACTIVATION_MAX / peak : 0;
    for (let b = 0; b < blocks; b++) {
      let sum = 0;
      for (let c = b * BLOCK_COLS; c < (b + 1) * BLOCK_COLS; c++) {
        let v = c < cols ? <i32>nearest<f32>(load<f32>(xt + (c << 2)) * inverse) : 0;
        v = min(max(v, -32768), 32767);
        store<i16>(qt + (c << 1), <i16>v);
        sum += v;
      }
      store<i32>(sums + <usize>t * sumsStride + (b << 2), -8 * sum);
    }
  }
}
