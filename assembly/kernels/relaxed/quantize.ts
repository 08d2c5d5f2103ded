import { BLOCK_COLS, Q8_GROUP_BLOCKS } from "../../../core/layout/matrix";
import { magicNumber, mask7f, pairOnes } from "../simd/constants";
import { maxOf, maxOfInts, sumOf } from "../simd/lanes";
import { round } from "../simd/quantize";

// Activations as bytes, for products of four at once. Rows take the room of the 16-bit form (two bytes a column), so that one plan of
// scratch serves all tiers; scales lie in the row, and the `scales` and `sums` of the other tiers stay unused. The bytes of a quad are
// columns 0, 2, 1, 3 as in the weights (core/layout/matrix.ts).

/** Bytes of a block in a q4 row, of a group of blocks in a q8 row. */
export const Q4_ROW_BLOCK: usize = 64;
export const Q8_ROW_GROUP: usize = 256;
/** Where the bytes start: after the f32 scale and the i32 sum (q4), after the f32 step and the f32 minimum (q8). */
export const ROW_DATA: usize = 8;

/** Four floats at p; zeros from `end` on where the row is `ragged` there. */
// @ts-ignore: decorator
@inline
function load4(p: usize, end: usize, ragged: bool): v128 {
  return ragged ? partial4(p, end) : v128.load(p);
}

function partial4(p: usize, end: usize): v128 {
  if (p + 16 <= end) return v128.load(p);
  let v = f32x4.splat(0);
  if (p < end) v = f32x4.replace_lane(v, 0, load<f32>(p));
  if (p + 4 < end) v = f32x4.replace_lane(v, 1, load<f32>(p, 4));
  if (p + 8 < end) v = f32x4.replace_lane(v, 2, load<f32>(p, 8));
  return v;
}

/** Sixteen integers as bytes in quad order. */
// @ts-ignore: decorator
@inline
function quadBytes(low: v128, high: v128): v128 {
  const bytes = i8x16.narrow_i16x8_s(low, high);
  return i8x16.shuffle(bytes, bytes, 0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15);
}

/**
 * For q4 weights: n f32 rows of `cols` values to signed bytes, per block of 32 columns q = nearest(x / scale), scale = max|x| / 127.
 * A block is scale f32, -8 times the sum of its q (what q4's offset of 8 takes away) i32, and 32 bytes. NaN makes the scale NaN.
 */
export function quantizeQ4(
  x: usize,
  xStride: usize,
  n: i32,
  cols: i32,
  q: usize,
  qStride: usize,
  _scales: usize,
  _sums: usize,
  _sumsStride: usize,
): void {
  for (let t = 0; t < n; t++) {
    let p = x + <usize>t * xStride;
    const end = p + ((<usize>cols) << 2);
    let to = q + <usize>t * qStride;
    for (; p + BLOCK_COLS * 4 <= end; p += BLOCK_COLS * 4) {
      block(p, end, false, to);
      to += Q4_ROW_BLOCK;
    }
    if (p < end) block(p, end, true, to);
  }
}

// @ts-ignore: decorator
@inline
function block(p: usize, end: usize, ragged: bool, to: usize): void {
  const v0 = load4(p, end, ragged);
  const v1 = load4(p + 16, end, ragged);
  const v2 = load4(p + 32, end, ragged);
  const v3 = load4(p + 48, end, ragged);
  const v4 = load4(p + 64, end, ragged);
  const v5 = load4(p + 80, end, ragged);
  const v6 = load4(p + 96, end, ragged);
  const v7 = load4(p + 112, end, ragged);
  // Bits of |x| order as integers, NaN above all.
  const peaks = i32x4.max_s(
    i32x4.max_s(i32x4.max_s(f32x4.abs(v0), f32x4.abs(v1)), i32x4.max_s(f32x4.abs(v2), f32x4.abs(v3))),
    i32x4.max_s(i32x4.max_s(f32x4.abs(v4), f32x4.abs(v5)), i32x4.max_s(f32x4.abs(v6), f32x4.abs(v7))),
  );
  const peak = reinterpret<f32>(maxOfInts(peaks));
  const inverse = f32x4.splat(peak > 0 ? <f32>127 / peak : 0);
  const magic = magicNumber();
  const a = i16x8.narrow_i32x4_s(round(v0, inverse, magic), round(v1, inverse, magic));
  const b = i16x8.narrow_i32x4_s(round(v2, inverse, magic), round(v3, inverse, magic));
  const c = i16x8.narrow_i32x4_s(round(v4, inverse, magic), round(v5, inverse, magic));
  const d = i16x8.narrow_i32x4_s(round(v6, inverse, magic), round(v7, inverse, magic));
  const sum = i32x4.dot_i16x8_s(i16x8.add(i16x8.add(a, b), i16x8.add(c, d)), pairOnes());
  v128.store(to, quadBytes(a, b), ROW_DATA);
  v128.store(to, quadBytes(c, d), ROW_DATA + 16);
  store<f32>(to, peak / <f32>127);
  store<i32>(to, -8 * sumOf(sum), 4);
}

/**
 * For q8 weights: n f32 rows to bytes in 0..127, per group of up to 128 columns u = nearest((x - min) / step), step = (max - min) / 127.
 * A group is step f32, min f32, and its bytes; min * sum(w) + step * sum(w u) is then its share of the product. NaN makes min NaN.
 */
export function quantizeQ8(
  x: usize,
  xStride: usize,
  n: i32,
  cols: i32,
  q: usize,
  qStride: usize,
  _scales: usize,
  _sums: usize,
  _sumsStride: usize,
): void {
  const span = (<usize>(BLOCK_COLS * Q8_GROUP_BLOCKS)) << 2;
  for (let t = 0; t < n; t++) {
    let p = x + <usize>t * xStride;
    const end = p + ((<usize>cols) << 2);
    let to = q + <usize>t * qStride;
    for (; p < end; p += span) {
      const blocks = <usize>min<usize>(span, (end - p + BLOCK_COLS * 4 - 1) & ~(BLOCK_COLS * 4 - 1));
      if (p + blocks <= end) group(p, p + blocks, end, false, to);
      else group(p, p + blocks, end, true, to);
      to += Q8_ROW_GROUP;
    }
  }
}

// @ts-ignore: decorator
@inline
function group(p: usize, stop: usize, end: usize, ragged: bool, to: usize): void {
  let highs = load4(p, end, ragged);
  let lows = highs;
  let nan = f32x4.ne(highs, highs);
  for (let o = p; o < stop; o += 64) {
    const a = load4(o, end, ragged);
    const b = load4(o + 16, end, ragged);
    const c = load4(o + 32, end, ragged);
    const d = load4(o + 48, end, ragged);
    highs = f32x4.pmax(f32x4.pmax(f32x4.pmax(a, b), f32x4.pmax(c, d)), highs);
    lows = f32x4.pmin(f32x4.pmin(f32x4.pmin(a, b), f32x4.pmin(c, d)), lows);
    // A NaN makes the sum NaN; so do infinities of both signs, which are as bad.
    const sum = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
    nan = v128.or(nan, f32x4.ne(sum, sum));
  }
  const least = -maxOf(f32x4.neg(lows));
  const range = maxOf(highs) - least;
  const offset = f32x4.splat(least);
  const inverse = f32x4.splat(range > 0 ? <f32>127 / range : 0);
  const magic = magicNumber();
  store<f32>(to, range / <f32>127);
  store<f32>(to, v128.any_true(nan) ? NaN : least, 4);
  const low7 = mask7f();
  for (let o = p; o < stop; o += 64) {
    const a = round(f32x4.sub(load4(o, end, ragged), offset), inverse, magic);
    const b = round(f32x4.sub(load4(o + 16, end, ragged), offset), inverse, magic);
    const c = round(f32x4.sub(load4(o + 32, end, ragged), offset), inverse, magic);
    const d = round(f32x4.sub(load4(o + 48, end, ragged), offset), inverse, magic);
    v128.store(to, v128.and(quadBytes(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d)), low7), ROW_DATA);
    to += 16;
  }
}
