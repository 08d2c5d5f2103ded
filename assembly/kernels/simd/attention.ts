import { addLanes, addLanes4, mulAdd } from "./lanes";

// SIMD forms of scalar/attention.ts. A score is summed in four lanes; a mixed value is summed in ascending order as in the
// oracle. Neither depends on how many keys one call covers, so a tree's rows equal a chain's.

/**
 * See scalar/attention.ts. Four keys at a time, so that the query is loaded and lanes are summed for four at once; a score's bits do not
 * depend on it.
 */
export function attentionScores(q: usize, keys: usize, stride: usize, count: i32, dim: i32, scale: f32, scores: usize): void {
  const whole = (<usize>(dim & ~3)) << 2;
  const all = (<usize>dim) << 2;
  const scale4 = f32x4.splat(scale);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    const k1 = keys + stride;
    const k2 = k1 + stride;
    const k3 = k2 + stride;
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    for (let o: usize = 0; o < whole; o += 16) {
      const v = v128.load(q + o);
      a = mulAdd(a, v, v128.load(keys + o));
      b = mulAdd(b, v, v128.load(k1 + o));
      c = mulAdd(c, v, v128.load(k2 + o));
      d = mulAdd(d, v, v128.load(k3 + o));
    }
    let sums = addLanes4(a, b, c, d);
    for (let o = whole; o < all; o += 4) {
      const column = f32x4.replace_lane(
        f32x4.replace_lane(f32x4.replace_lane(v128.load32_zero(keys + o), 1, load<f32>(k1 + o)), 2, load<f32>(k2 + o)),
        3,
        load<f32>(k3 + o),
      );
      sums = f32x4.add(sums, f32x4.mul(v128.load32_splat(q + o), column));
    }
    v128.store(scores + (i << 2), f32x4.mul(sums, scale4));
    keys += stride << 2;
  }
  for (; i < count; i++) {
    let sums = f32x4.splat(0);
    for (let o: usize = 0; o < whole; o += 16) sums = mulAdd(sums, v128.load(q + o), v128.load(keys + o));
    let sum = addLanes(sums);
    for (let o = whole; o < all; o += 4) sum += load<f32>(q + o) * load<f32>(keys + o);
    store<f32>(scores + (i << 2), sum * scale);
    keys += stride;
  }
}

/** See scalar/attention.ts. */
export function attentionMix(weights: usize, values: usize, stride: usize, count: i32, dim: i32, out: usize): void {
  let d = 0;
  for (; d + 16 <= dim; d += 16) {
    let a0 = v128.load(out);
    let a1 = v128.load(out, 16);
    let a2 = v128.load(out, 32);
    let a3 = v128.load(out, 48);
    let v = values;
    for (let i = 0; i < count; i++) {
      const w = v128.load32_splat(weights + (i << 2));
      a0 = mulAdd(a0, w, v128.load(v));
      a1 = mulAdd(a1, w, v128.load(v, 16));
      a2 = mulAdd(a2, w, v128.load(v, 32));
      a3 = mulAdd(a3, w, v128.load(v, 48));
      v += stride;
    }
    v128.store(out, a0);
    v128.store(out, a1, 16);
    v128.store(out, a2, 32);
    v128.store(out, a3, 48);
    out += 64;
    values += 64;
  }
  for (; d < dim; d++) {
    let sum = load<f32>(out);
    let v = values;
    for (let i = 0; i < count; i++) {
      sum += load<f32>(weights + (i << 2)) * load<f32>(v);
      v += stride;
    }
    store<f32>(out, sum);
    out += 4;
    values += 4;
  }
}

/** See scalar/attention.ts. */
export function rope(x: usize, cos: usize, sin: usize, half: i32): void {
  const other = x + ((<usize>half) << 2);
  const whole = (<usize>(half & ~3)) << 2;
  const all = (<usize>half) << 2;
  for (let o: usize = 0; o < whole; o += 16) {
    const a = v128.load(x + o);
    const b = v128.load(other + o);
    const c = v128.load(cos + o);
    const s = v128.load(sin + o);
    v128.store(x + o, f32x4.sub(f32x4.mul(a, c), f32x4.mul(b, s)));
    v128.store(other + o, f32x4.add(f32x4.mul(b, c), f32x4.mul(a, s)));
  }
  for (let o = whole; o < all; o += 4) {
    const a = load<f32>(x + o);
    const b = load<f32>(other + o);
    const c = load<f32>(cos + o);
    const s = load<f32>(sin + o);
    store<f32>(x + o, a * c - b * s);
    store<f32>(other + o, b * c + a * s);
  }
}
