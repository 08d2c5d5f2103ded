import { fillHeap, offer, sortHeap } from "../scalar/topk";

/** See scalar/topk.ts. Sixteen values at a time are held against the worst that is kept; few get further. The result is the same. */
export function topK(x: usize, count: i32, k: i32, indices: usize, values: usize): i32 {
  k = min(k, count);
  if (k <= 0) return 0;
  fillHeap(x, k, indices, values);
  let i = k;
  for (; i + 16 <= count; i += 16) {
    const p = x + ((<usize>i) << 2);
    const worst = v128.load32_splat(values);
    const a = f32x4.gt(v128.load(p), worst);
    const b = f32x4.gt(v128.load(p, 16), worst);
    const c = f32x4.gt(v128.load(p, 32), worst);
    const d = f32x4.gt(v128.load(p, 48), worst);
    if (!v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) continue;
    let hits = i32x4.bitmask(a) | (i32x4.bitmask(b) << 4) | (i32x4.bitmask(c) << 8) | (i32x4.bitmask(d) << 12);
    for (; hits; hits &= hits - 1) offer(x, i + ctz(hits), k, indices, values);
  }
  for (; i < count; i++) offer(x, i, k, indices, values);
  return sortHeap(k, indices, values);
}
