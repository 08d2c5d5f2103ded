import { exp, SOFTMAX_FLOOR } from "../math";

/** out = x / sqrt(mean(x^2) + eps) * weight (Zhang and Sennrich 2019, arXiv 1910.07467), `cols` values. */
export function rmsNorm(x: usize, weight: usize, cols: i32, eps: f32, out: usize): void {
  let sum: f32 = 0;
  for (let c = 0; c < cols; c++) sum += load<f32>(x + (c << 2)) * load<f32>(x + (c << 2));
  const inverse: f32 = <f32>1 / sqrt<f32>(sum / <f32>cols + eps);
  for (let c = 0; c < cols; c++) store<f32>(out + (c << 2), load<f32>(x + (c << 2)) * inverse * load<f32>(weight + (c << 2)));
}

// @ts-ignore: decorator
@inline
function silu(x: f32): f32 {
  return x / (<f32>1 + exp(-x));
}

/** h = silu(h) * s, `cols` values. */
export function siluScale(h: usize, cols: i32, s: f32): void {
  for (let c = 0; c < cols; c++) store<f32>(h + (c << 2), silu(load<f32>(h + (c << 2))) * s);
}

/** up = silu(gate) * up, `cols` values. */
export function siluMul(gate: usize, up: usize, cols: i32): void {
  for (let c = 0; c < cols; c++) store<f32>(up + (c << 2), silu(load<f32>(gate + (c << 2))) * load<f32>(up + (c << 2)));
}

/** x += b * s, `cols` values. */
export function addScaled(x: usize, b: usize, cols: i32, s: f32): void {
  for (let c = 0; c < cols; c++) store<f32>(x + (c << 2), load<f32>(x + (c << 2)) + load<f32>(b + (c << 2)) * s);
}

/** out = x * s, `cols` values. */
export function scale(x: usize, cols: i32, s: f32, out: usize): void {
  for (let c = 0; c < cols; c++) store<f32>(out + (c << 2), load<f32>(x + (c << 2)) * s);
}

/** Softmax in place over `count` values; what is below e^-60 of the largest becomes 0 (see SOFTMAX_FLOOR). NaN anywhere spoils all. */
export function softmax(x: usize, count: i32): void {
  let peak: f32 = -Infinity;
  for (let i = 0; i < count; i++) peak = max<f32>(peak, load<f32>(x + (i << 2)));
  let sum: f32 = 0;
  for (let i = 0; i < count; i++) {
    const d = load<f32>(x + (i << 2)) - peak;
    const e = d < SOFTMAX_FLOOR ? <f32>0 : exp(d);
    store<f32>(x + (i << 2), e);
    sum += e;
  }
  const inverse: f32 = <f32>1 / sum;
  for (let i = 0; i < count; i++) store<f32>(x + (i << 2), load<f32>(x + (i << 2)) * inverse);
}

/** Index of the largest of `count` values, the smallest index on ties; -1 when one is NaN. */
export function argmax(x: usize, count: i32): i32 {
  let best = 0;
  let peak = load<f32>(x);
  for (let i = 0; i < count; i++) {
    const v = load<f32>(x + (i << 2));
    if (v !== v) return -1;
    if (v > peak) {
      peak = v;
      best = i;
    }
  }
  return best;
}
