import { ACTIVATION_MAX, BLOCK_COLS } from "../../../core/layout/matrix";
import { quantize as quantizeScalar } from "../scalar/quantize";
import { magicNumber, pairOnes } from "./constants";
import { maxOfInts, sumOf } from "./lanes";

/** Nearest integers of v * inverse. */
// @ts-ignore: decorator
@inline
export function round(v: v128, inverse: v128, magic: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.mul(v, inverse), magic), magic);
}

/** SIMD form of scalar/quantize.ts: same bits. Ragged rows take the scalar path. Rows with NaN get a NaN scale, whatever their integers. */
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
  if (cols % BLOCK_COLS !== 0) return quantizeScalar(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
  const ones = pairOnes();
  const magic = magicNumber();
  for (let t = 0; t < n; t++) {
    const xt = x + <usize>t * xStride;
    let qt = q + <usize>t * qStride;
    let st = sums + <usize>t * sumsStride;
    const end = xt + ((<usize>cols) << 2);
    // Bits of |x| order as integers, NaN above all: one instruction where f32x4.max takes several.
    let peaks = i32x4.splat(0);
    for (let p = xt; p < end; p += 16) peaks = i32x4.max_s(peaks, f32x4.abs(v128.load(p)));
    const peak = reinterpret<f32>(maxOfInts(peaks));
    store<f32>(scales + (t << 2), peak / <f32>ACTIVATION_MAX);
    const inverse = f32x4.splat(peak > 0 ? <f32>ACTIVATION_MAX / peak : 0);
    for (let p = xt; p < end; p += BLOCK_COLS * 4) {
      let sum = i32x4.splat(0);
      for (let o: usize = 0; o < <usize>BLOCK_COLS * 4; o += 32) {
        const lo = round(v128.load(p + o), inverse, magic);
        const hi = round(v128.load(p + o, 16), inverse, magic);
        const v = i16x8.narrow_i32x4_s(lo, hi);
        v128.store(qt, v);
        qt += 16;
        sum = i32x4.add(sum, i32x4.dot_i16x8_s(v, ones));
      }
      store<i32>(st, -8 * sumOf(sum));
      st += 4;
    }
  }
}
