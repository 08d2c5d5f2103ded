// The tier is chosen here, when the engine is compiled: a kernel comes from relaxed/ where relaxed SIMD is enabled and it has one, else
// from simd/ where SIMD is enabled, else from scalar/. The branch not taken is never compiled. What each kernel does is said in scalar/;
// all that stands here the engine exports.
import * as scalarAttention from "./scalar/attention";
import * as scalarFinite from "./scalar/finite";
import { matmulBF16 as scalarBF16 } from "./scalar/matmul_bf16";
import { matmulF32 as scalarF32 } from "./scalar/matmul_f32";
import { matmulQ4 as scalarQ4 } from "./scalar/matmul_q4";
import { matmulQ8 as scalarQ8 } from "./scalar/matmul_q8";
import { quantize as scalarQuantize } from "./scalar/quantize";
import { topK as scalarTopK } from "./scalar/topk";
import * as scalarVector from "./scalar/vector";
import * as simdAttention from "./simd/attention";
import * as simdAttention2 from "./simd/attention2";
import * as simdFinite from "./simd/finite";
import { matmulBF16 as simdBF16 } from "./simd/matmul_bf16";
import { matmulF32 as simdF32 } from "./simd/matmul_f32";
import { matmulQ4 as simdQ4 } from "./simd/matmul_q4";
import { matmulQ8 as simdQ8 } from "./simd/matmul_q8";
import { setReadAhead as simdReadAhead } from "./simd/panel";
import { quantize as simdQuantize } from "./simd/quantize";
import { topK as simdTopK } from "./simd/topk";
import * as simdVector from "./simd/vector";
import { dotWorks } from "./relaxed/check";
import { matmulQ4 as relaxedQ4 } from "./relaxed/matmul_q4";
import { matmulQ8 as relaxedQ8 } from "./relaxed/matmul_q8";
import * as relaxedQuantize from "./relaxed/quantize";
import { Product } from "./product";

/** Switches the kernels' reading ahead on or off; `scalar` has none. */
export function setReadAhead(on: i32): void {
  if (ASC_FEATURE_SIMD) simdReadAhead(on);
}

/** 1 when the tier's instructions do what they must on this machine. */
export function selfCheck(): i32 {
  return ASC_FEATURE_RELAXED_SIMD ? dotWorks() : 1;
}

export function matmulF32(product: Product): void {
  if (ASC_FEATURE_SIMD) simdF32(product);
  else scalarF32(product);
}

export function matmulBF16(product: Product): void {
  if (ASC_FEATURE_SIMD) simdBF16(product);
  else scalarBF16(product);
}

export function matmulQ8(product: Product): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxedQ8(product);
  else if (ASC_FEATURE_SIMD) simdQ8(product);
  else scalarQ8(product);
}

export function matmulQ4(product: Product): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxedQ4(product);
  else if (ASC_FEATURE_SIMD) simdQ4(product);
  else scalarQ4(product);
}

/** Quantises rows for a product with q8 weights; in `relaxed` the form differs from q4's. */
export function quantizeQ8(
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
  if (ASC_FEATURE_RELAXED_SIMD) relaxedQuantize.quantizeQ8(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
  else if (ASC_FEATURE_SIMD) simdQuantize(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
  else scalarQuantize(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
}

/** Quantises rows for a product with q4 weights. */
export function quantizeQ4(
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
  if (ASC_FEATURE_RELAXED_SIMD) relaxedQuantize.quantizeQ4(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
  else if (ASC_FEATURE_SIMD) simdQuantize(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
  else scalarQuantize(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
}

export function rmsNorm(x: usize, weight: usize, cols: i32, eps: f32, out: usize): void {
  if (ASC_FEATURE_SIMD) simdVector.rmsNorm(x, weight, cols, eps, out);
  else scalarVector.rmsNorm(x, weight, cols, eps, out);
}

export function siluScale(h: usize, cols: i32, s: f32): void {
  if (ASC_FEATURE_SIMD) simdVector.siluScale(h, cols, s);
  else scalarVector.siluScale(h, cols, s);
}

export function siluMul(gate: usize, up: usize, cols: i32): void {
  if (ASC_FEATURE_SIMD) simdVector.siluMul(gate, up, cols);
  else scalarVector.siluMul(gate, up, cols);
}

export function addScaled(x: usize, b: usize, cols: i32, s: f32): void {
  if (ASC_FEATURE_SIMD) simdVector.addScaled(x, b, cols, s);
  else scalarVector.addScaled(x, b, cols, s);
}

export function scale(x: usize, cols: i32, s: f32, out: usize): void {
  if (ASC_FEATURE_SIMD) simdVector.scale(x, cols, s, out);
  else scalarVector.scale(x, cols, s, out);
}

export function softmax(x: usize, count: i32): void {
  if (ASC_FEATURE_SIMD) simdVector.softmax(x, count);
  else scalarVector.softmax(x, count);
}

export function argmax(x: usize, count: i32): i32 {
  if (ASC_FEATURE_SIMD) return simdVector.argmax(x, count);
  return scalarVector.argmax(x, count);
}

export function attentionScores(q: usize, keys: usize, stride: usize, count: i32, dim: i32, scale: f32, scores: usize): void {
  if (ASC_FEATURE_SIMD) simdAttention.attentionScores(q, keys, stride, count, dim, scale, scores);
  else scalarAttention.attentionScores(q, keys, stride, count, dim, scale, scores);
}

export function attentionMix(weights: usize, values: usize, stride: usize, count: i32, dim: i32, out: usize): void {
  if (ASC_FEATURE_SIMD) simdAttention.attentionMix(weights, values, stride, count, dim, out);
  else scalarAttention.attentionMix(weights, values, stride, count, dim, out);
}

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
  if (ASC_FEATURE_SIMD) simdAttention2.attentionScores2(q, qStride, keys, stride, count, dim, scale, scores, scoresStride);
  else scalarAttention.attentionScores2(q, qStride, keys, stride, count, dim, scale, scores, scoresStride);
}

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
  if (ASC_FEATURE_SIMD) simdAttention2.attentionMix2(weights, weightsStride, values, stride, count, dim, out, outStride);
  else scalarAttention.attentionMix2(weights, weightsStride, values, stride, count, dim, out, outStride);
}

export function rope(x: usize, cos: usize, sin: usize, half: i32): void {
  if (ASC_FEATURE_SIMD) simdAttention.rope(x, cos, sin, half);
  else scalarAttention.rope(x, cos, sin, half);
}

export function topK(x: usize, count: i32, k: i32, indices: usize, values: usize): i32 {
  if (ASC_FEATURE_SIMD) return simdTopK(x, count, k, indices, values);
  return scalarTopK(x, count, k, indices, values);
}

export function finiteFloats(p: usize, count: i32): i32 {
  if (ASC_FEATURE_SIMD) return simdFinite.finiteFloats(p, count);
  return scalarFinite.finiteFloats(p, count);
}

export function finiteScales(p: usize, panels: i32, panelBytes: usize, groups: i32, groupBytes: usize): i32 {
  if (ASC_FEATURE_SIMD) return simdFinite.finiteScales(p, panels, panelBytes, groups, groupBytes);
  return scalarFinite.finiteScales(p, panels, panelBytes, groups, groupBytes);
}
