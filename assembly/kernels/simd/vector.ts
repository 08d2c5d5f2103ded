import { exp, exp4, SOFTMAX_FLOOR, softmaxFloor } from "../math";
import { argmax as argmaxScalar } from "../scalar/vector";
import { addLanes, maxOf } from "./lanes";

// SIMD forms of scalar/vector.ts. Sums run in four lanes, so they may differ from the oracle in the last bits;
// element-wise results are the same bits. The tail of a ragged row is done element by element.

/** See scalar/vector.ts. */
export function rmsNorm(x: usize, weight: usize, cols: i32, eps: f32, out: usize): void {
  const whole = (<usize>(cols & ~3)) << 2;
  const all = (<usize>cols) << 2;
  let sums = f32x4.splat(0);
  for (let o: usize = 0; o < whole; o += 16) {
    const v = v128.load(x + o);
    sums = f32x4.add(sums, f32x4.mul(v, v));
  }
  let sum = addLanes(sums);
  for (let o = whole; o < all; o += 4) sum += load<f32>(x + o) * load<f32>(x + o);
  const inverse: f32 = <f32>1 / sqrt<f32>(sum / <f32>cols + eps);
  const inverse4 = f32x4.splat(inverse);
  for (let o: usize = 0; o < whole; o += 16) {
    v128.store(out + o, f32x4.mul(f32x4.mul(v128.load(x + o), inverse4), v128.load(weight + o)));
  }
  for (let o = whole; o < all; o += 4) store<f32>(out + o, load<f32>(x + o) * inverse * load<f32>(weight + o));
}

// @ts-ignore: decorator
@inline
function silu4(x: v128): v128 {
  return f32x4.div(x, f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x))));
}

// @ts-ignore: decorator
@inline
function silu(x: f32): f32 {
  return x / (<f32>1 + exp(-x));
}

/** See scalar/vector.ts. */
export function siluScale(h: usize, cols: i32, s: f32): void {
  const whole = h + ((<usize>(cols & ~3)) << 2);
  const end = h + ((<usize>cols) << 2);
  const s4 = f32x4.splat(s);
  for (; h < whole; h += 16) v128.store(h, f32x4.mul(silu4(v128.load(h)), s4));
  for (; h < end; h += 4) store<f32>(h, silu(load<f32>(h)) * s);
}

/** See scalar/vector.ts. */
export function siluMul(gate: usize, up: usize, cols: i32): void {
  const whole = (<usize>(cols & ~3)) << 2;
  const all = (<usize>cols) << 2;
  for (let o: usize = 0; o < whole; o += 16) v128.store(up + o, f32x4.mul(silu4(v128.load(gate + o)), v128.load(up + o)));
  for (let o = whole; o < all; o += 4) store<f32>(up + o, silu(load<f32>(gate + o)) * load<f32>(up + o));
}

/** See scalar/vector.ts. */
export function addScaled(x: usize, b: usize, cols: i32, s: f32): void {
  const whole = (<usize>(cols & ~3)) << 2;
  const all = (<usize>cols) << 2;
  const s4 = f32x4.splat(s);
  for (let o: usize = 0; o < whole; o += 16) v128.store(x + o, f32x4.add(v128.load(x + o), f32x4.mul(v128.load(b + o), s4)));
  for (let o = whole; o < all; o += 4) store<f32>(x + o, load<f32>(x + o) + load<f32>(b + o) * s);
}

/** See scalar/vector.ts. */
export function scale(x: usize, cols: i32, s: f32, out: usize): void {
  const whole = (<usize>(cols & ~3)) << 2;
  const all = (<usize>cols) << 2;
  const s4 = f32x4.splat(s);
  for (let o: usize = 0; o < whole; o += 16) v128.store(out + o, f32x4.mul(v128.load(x + o), s4));
  for (let o = whole; o < all; o += 4) store<f32>(out + o, load<f32>(x + o) * s);
}

/** See scalar/vector.ts. */
export function softmax(x: usize, count: i32): void {
  const whole = x + ((<usize>(count & ~3)) << 2);
  const end = x + ((<usize>count) << 2);
  let peaks = f32x4.splat(-Infinity);
  let p = x;
  for (; p < whole; p += 16) peaks = f32x4.max(peaks, v128.load(p));
  let peak = maxOf(peaks);
  for (; p < end; p += 4) peak = max<f32>(peak, load<f32>(p));
  const peak4 = f32x4.splat(peak);
  let sums = f32x4.splat(0);
  const floor = softmaxFloor();
  for (p = x; p < whole; p += 16) {
    const d = f32x4.sub(v128.load(p), peak4);
    const e = v128.and(exp4(d), f32x4.ge(d, floor));
    v128.store(p, e);
    sums = f32x4.add(sums, e);
  }
  let sum = addLanes(sums);
  for (; p < end; p += 4) {
    const d = load<f32>(p) - peak;
    const e = d < SOFTMAX_FLOOR ? <f32>0 : exp(d);
    store<f32>(p, e);
    sum += e;
  }
  const inverse: f32 = <f32>1 / sum;
  const inverse4 = f32x4.splat(inverse);
  for (p = x; p < whole; p += 16) v128.store(p, f32x4.mul(v128.load(p), inverse4));
  for (; p < end; p += 4) store<f32>(p, load<f32>(p) * inverse);
}

/**
 * See scalar/vector.ts. Finds the maximum four at a time (`pmax` is one instruction but forgets NaN, which is looked for apart), then its
 * first place.
 */
export function argmax(x: usize, count: i32): i32 {
  const whole = x + ((<usize>(count & ~3)) << 2);
  if (whole === x) return argmaxScalar(x, count);
  let peaks = v128.load(x);
  let nan = f32x4.splat(0);
  for (let p = x; p < whole; p += 16) {
    const v = v128.load(p);
    peaks = f32x4.pmax(peaks, v);
    nan = v128.or(nan, f32x4.ne(v, v));
  }
  if (v128.any_true(nan)) return -1;
  let peak = maxOf(peaks);
  for (let i = count & ~3; i < count; i++) peak = max<f32>(peak, load<f32>(x + (i << 2)));
  const peak4 = f32x4.splat(peak);
  for (let p = x; p < whole; p += 16) {
    const hit = i32x4.bitmask(f32x4.eq(v128.load(p), peak4));
    if (hit) return <i32>((p - x) >> 2) + ctz(hit);
  }
  // Only the tail is left; a NaN there made the peak NaN, which equals nothing.
  for (let i = count & ~3; i < count; i++) if (load<f32>(x + (i << 2)) === peak) return i;
  return -1;
}
