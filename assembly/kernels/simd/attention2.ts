import { attentionMix, attentionScores } from "./attention";
import { addLanes4, mulAdd } from "./lanes";

// Two query heads that share keys and values: each is loaded once for both, and eight sums run side by side, which a multiply-add that
// takes four cycles needs. Sums are those of simd/attention.ts, in the same order.

/** See scalar/attention.ts. */
export function attentionScores2(
  q: usize,
  qStride: usize,
  keys: usize,
  stride: usize,
  count: i32,
  dim: i32,
  scale: f32,
  scores: usize,
  scoresStride: usize,
): void {
  const whole = dim & 3 ? 0 : count & ~3;
  const scale4 = f32x4.splat(scale);
  const bytes = (<usize>dim) << 2;
  const q1 = q + qStride;
  let k = keys;
  for (let i = 0; i < whole; i += 4) {
    const k1 = k + stride;
    const k2 = k1 + stride;
    const k3 = k2 + stride;
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = a0;
    let b1 = a0;
    let b2 = a0;
    let b3 = a0;
    for (let o: usize = 0; o < bytes; o += 16) {
      const v = v128.load(q + o);
      const w = v128.load(q1 + o);
      let row = v128.load(k + o);
      a0 = mulAdd(a0, v, row);
      b0 = mulAdd(b0, w, row);
      row = v128.load(k1 + o);
      a1 = mulAdd(a1, v, row);
      b1 = mulAdd(b1, w, row);
      row = v128.load(k2 + o);
      a2 = mulAdd(a2, v, row);
      b2 = mulAdd(b2, w, row);
      row = v128.load(k3 + o);
      a3 = mulAdd(a3, v, row);
      b3 = mulAdd(b3, w, row);
    }
    const at = scores + (i << 2);
    v128.store(at, f32x4.mul(addLanes4(a0, a1, a2, a3), scale4));
    v128.store(at + scoresStride, f32x4.mul(addLanes4(b0, b1, b2, b3), scale4));
    k += stride << 2;
  }
  const rest = scores + (whole << 2);
  attentionScores(q, k, stride, count - whole, dim, scale, rest);
  attentionScores(q1, k, stride, count - whole, dim, scale, rest + scoresStride);
}

/**
 * See scalar/attention.ts. Four values at a time over all of their floats: rows far apart, a strip at a time, would fall into few sets of
 * the cache.
 */
export function attentionMix2(
  weights: usize,
  weightsStride: usize,
  values: usize,
  stride: usize,
  count: i32,
  dim: i32,
  out: usize,
  outStride: usize,
): void {
  // Floats past the last 16 are not fused (attention.ts): with them, a value's bits would depend on where a run of rows ends.
  const whole = dim & 15 ? 0 : count & ~3;
  const bytes = (<usize>dim) << 2;
  const out1 = out + outStride;
  let w = weights;
  let p = values;
  for (const end = w + ((<usize>whole) << 2); w < end; w += 16) {
    const u0 = v128.load32_splat(w);
    const u1 = v128.load32_splat(w, 4);
    const u2 = v128.load32_splat(w, 8);
    const u3 = v128.load32_splat(w, 12);
    const v0 = v128.load32_splat(w + weightsStride);
    const v1 = v128.load32_splat(w + weightsStride, 4);
    const v2 = v128.load32_splat(w + weightsStride, 8);
    const v3 = v128.load32_splat(w + weightsStride, 12);
    const p1 = p + stride;
    const p2 = p1 + stride;
    const p3 = p2 + stride;
    for (let o: usize = 0; o < bytes; o += 16) {
      let a = v128.load(out + o);
      let b = v128.load(out1 + o);
      let row = v128.load(p + o);
      a = mulAdd(a, u0, row);
      b = mulAdd(b, v0, row);
      row = v128.load(p1 + o);
      a = mulAdd(a, u1, row);
      b = mulAdd(b, v1, row);
      row = v128.load(p2 + o);
      a = mulAdd(a, u2, row);
      b = mulAdd(b, v2, row);
      row = v128.load(p3 + o);
      a = mulAdd(a, u3, row);
      b = mulAdd(b, v3, row);
      v128.store(out + o, a);
      v128.store(out1 + o, b);
    }
    p += stride << 2;
  }
  attentionMix(w, p, stride, count - whole, dim, out);
  attentionMix(w + weightsStride, p, stride, count - whole, dim, out1);
}
