// The tier is chosen when the engine is compiled: the same names, from relaxed/ where relaxed SIMD is enabled and it has one, else from
// simd/ where SIMD is enabled, else from scalar/. The branch not taken is never compiled. What each kernel does is said in scalar/.
import { matmulF32 as matmulF32Scalar } from "./scalar/matmul_f32";
import { matmulF32 as matmulF32SIMD } from "./simd/matmul_f32";
import { matmulBF16 as matmulBF16Scalar } from "./scalar/matmul_bf16";
import { matmulBF16 as matmulBF16SIMD } from "./simd/matmul_bf16";
import { matmulQ8 as matmulQ8Scalar } from "./scalar/matmul_q8";
import { matmulQ8 as matmulQ8SIMD } from "./simd/matmul_q8";
import { matmulQ4 as matmulQ4Scalar } from "./scalar/matmul_q4";
import { matmulQ4 as matmulQ4SIMD } from "./simd/matmul_q4";
import { matmulQ8 as matmulQ8Relaxed } from "./relaxed/matmul_q8";
import { matmulQ4 as matmulQ4Relaxed } from "./relaxed/matmul_q4";
import { matmulsQ4 as matmulsQ4Relaxed } from "./relaxed/turns_q4";
import { Product } from "./product";
import { dotWorks as dotWorksRelaxed } from "./relaxed/check";
import { setReadAhead as setReadAheadSIMD } from "./simd/panel";
import { quantizeQ8 as quantizeQ8Relaxed, quantizeQ4 as quantizeQ4Relaxed } from "./relaxed/quantize";
import { quantize as quantizeScalar } from "./scalar/quantize";
import { quantize as quantizeSIMD } from "./simd/quantize";
import { rmsNorm as rmsNormScalar, siluScale as siluScaleScalar, siluMul as siluMulScalar, addScaled as addScaledScalar, scale as scaleScalar, softmax as softmaxScalar, argmax as argmaxScalar } from "./scalar/vector";
import { rmsNorm as rmsNormSIMD, siluScale as siluScaleSIMD, siluMul as siluMulSIMD, addScaled as addScaledSIMD, scale as scaleSIMD, softmax as softmaxSIMD, argmax as argmaxSIMD } from "./simd/vector";
import { attentionScores as attentionScoresScalar, attentionMix as attentionMixScalar, attentionScores2 as attentionScores2Scalar, attentionMix2 as attentionMix2Scalar, rope as ropeScalar } from "./scalar/attention";
import { attentionScores as attentionScoresSIMD, attentionMix as attentionMixSIMD, rope as ropeSIMD } from "./simd/attention";
import { attentionScores2 as attentionScores2SIMD, attentionMix2 as attentionMix2SIMD } from "./simd/attention2";
import { finiteFloats as finiteFloatsScalar, finiteScales as finiteScalesScalar } from "./scalar/finite";
import { finiteFloats as finiteFloatsSIMD, finiteScales as finiteScalesSIMD } from "./simd/finite";
import { topK as topKScalar } from "./scalar/topk";
import { topK as topKSIMD } from "./simd/topk";

/** Switches the kernels' reading ahead on or off; `scalar` has none. */
export function setReadAhead(on: i32): void {
  if (ASC_FEATURE_SIMD) setReadAheadSIMD(on);
}

/** 1 when the tier's instructions do what they must on this machine. */
export function selfCheck(): i32 {
  if (ASC_FEATURE_RELAXED_SIMD) return dotWorksRelaxed();
  return 1;
}

// @ts-ignore: decorator
@inline
export function matmulF32(w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xi: usize, n: i32, y: usize, yStride: usize, yi: usize, accumulate: bool): void {
  if (ASC_FEATURE_SIMD) return matmulF32SIMD(w, rows, cols, x, xStride, xi, n, y, yStride, yi, accumulate);
  return matmulF32Scalar(w, rows, cols, x, xStride, xi, n, y, yStride, yi, accumulate);
}

// @ts-ignore: decorator
@inline
export function matmulBF16(w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xi: usize, n: i32, y: usize, yStride: usize, yi: usize, accumulate: bool): void {
  if (ASC_FEATURE_SIMD) return matmulBF16SIMD(w, rows, cols, x, xStride, xi, n, y, yStride, yi, accumulate);
  return matmulBF16Scalar(w, rows, cols, x, xStride, xi, n, y, yStride, yi, accumulate);
}

// @ts-ignore: decorator
@inline
export function matmulQ8(w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xScale: usize, xSums: usize, sumsStride: usize, xi: usize, n: i32, y: usize, yStride: usize, yi: usize, accumulate: bool): void {
  if (ASC_FEATURE_RELAXED_SIMD) return matmulQ8Relaxed(w, rows, cols, x, xStride, xScale, xSums, sumsStride, xi, n, y, yStride, yi, accumulate);
  if (ASC_FEATURE_SIMD) return matmulQ8SIMD(w, rows, cols, x, xStride, xScale, xSums, sumsStride, xi, n, y, yStride, yi, accumulate);
  return matmulQ8Scalar(w, rows, cols, x, xStride, xScale, xSums, sumsStride, xi, n, y, yStride, yi, accumulate);
}

// @ts-ignore: decorator
@inline
export function matmulQ4(w: usize, rows: i32, cols: i32, x: usize, xStride: usize, xScale: usize, xSums: usize, sumsStride: usize, xi: usize, n: i32, y: usize, yStride: usize, yi: usize, accumulate: bool): void {
  if (ASC_FEATURE_RELAXED_SIMD) return matmulQ4Relaxed(w, rows, cols, x, xStride, xScale, xSums, sumsStride, xi, n, y, yStride, yi, accumulate);
  if (ASC_FEATURE_SIMD) return matmulQ4SIMD(w, rows, cols, x, xStride, xScale, xSums, sumsStride, xi, n, y, yStride, yi, accumulate);
  return matmulQ4Scalar(w, rows, cols, x, xStride, xScale, xSums, sumsStride, xi, n, y, yStride, yi, accumulate);
}

/** Whether the tier has `matmulsQ4`. */
// @ts-ignore: decorator
@inline
export function hasMatmulsQ4(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

/** Two products with q4 weights, their matrices read in turns: `relaxed` only, whose products wait for memory most. */
// @ts-ignore: decorator
@inline
export function matmulsQ4(a: Product, b: Product): void {
  if (ASC_FEATURE_RELAXED_SIMD) matmulsQ4Relaxed(a, b);
}

/** Quantises rows for a product with q8 weights; in `relaxed` the form differs from q4's. */
// @ts-ignore: decorator
@inline
export function quantizeQ8(x: usize, xStride: usize, n: i32, cols: i32, q: usize, qStride: usize, scales: usize, sums: usize, sumsStride: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) return quantizeQ8Relaxed(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
  return quantize(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
}

/** Quantises rows for a product with q4 weights. */
// @ts-ignore: decorator
@inline
export function quantizeQ4(x: usize, xStride: usize, n: i32, cols: i32, q: usize, qStride: usize, scales: usize, sums: usize, sumsStride: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) return quantizeQ4Relaxed(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
  return quantize(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
}

// @ts-ignore: decorator
@inline
function quantize(x: usize, xStride: usize, n: i32, cols: i32, q: usize, qStride: usize, scales: usize, sums: usize, sumsStride: usize): void {
  if (ASC_FEATURE_SIMD) return quantizeSIMD(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
  return quantizeScalar(x, xStride, n, cols, q, qStride, scales, sums, sumsStride);
}

// @ts-ignore: decorator
@inline
export function rmsNorm(x: usize, weight: usize, cols: i32, eps: f32, out: usize): void {
  if (ASC_FEATURE_SIMD) return rmsNormSIMD(x, weight, cols, eps, out);
  return rmsNormScalar(x, weight, cols, eps, out);
}

// @ts-ignore: decorator
@inline
export function siluScale(h: usize, cols: i32, s: f32): void {
  if (ASC_FEATURE_SIMD) return siluScaleSIMD(h, cols, s);
  return siluScaleScalar(h, cols, s);
}

// @ts-ignore: decorator
@inline
export function siluMul(gate: usize, up: usize, cols: i32): void {
  if (ASC_FEATURE_SIMD) return siluMulSIMD(gate, up, cols);
  return siluMulScalar(gate, up, cols);
}

// @ts-ignore: decorator
@inline
export function addScaled(x: usize, b: usize, cols: i32, s: f32): void {
  if (ASC_FEATURE_SIMD) return addScaledSIMD(x, b, cols, s);
  return addScaledScalar(x, b, cols, s);
}

// @ts-ignore: decorator
@inline
export function scale(x: usize, cols: i32, s: f32, out: usize): void {
  if (ASC_FEATURE_SIMD) return scaleSIMD(x, cols, s, out);
  return scaleScalar(x, cols, s, out);
}

// @ts-ignore: decorator
@inline
export function softmax(x: usize, count: i32): void {
  if (ASC_FEATURE_SIMD) return softmaxSIMD(x, count);
  return softmaxScalar(x, count);
}

// @ts-ignore: decorator
@inline
export function argmax(x: usize, count: i32): i32 {
  if (ASC_FEATURE_SIMD) return argmaxSIMD(x, count);
  return argmaxScalar(x, count);
}

// @ts-ignore: decorator
@inline
export function attentionScores(q: usize, keys: usize, stride: usize, count: i32, dim: i32, scale: f32, scores: usize): void {
  if (ASC_FEATURE_SIMD) return attentionScoresSIMD(q, keys, stride, count, dim, scale, scores);
  return attentionScoresScalar(q, keys, stride, count, dim, scale, scores);
}

// @ts-ignore: decorator
@inline
export function attentionMix(weights: usize, values: usize, stride: usize, count: i32, dim: i32, out: usize): void {
  if (ASC_FEATURE_SIMD) return attentionMixSIMD(weights, values, stride, count, dim, out);
  return attentionMixScalar(weights, values, stride, count, dim, out);
}

// @ts-ignore: decorator
@inline
export function attentionScores2(q: usize, qStride: usize, keys: usize, stride: usize, count: i32, dim: i32, scale: f32, scores: usize, scoresStride: usize): void {
  if (ASC_FEATURE_SIMD) return attentionScores2SIMD(q, qStride, keys, stride, count, dim, scale, scores, scoresStride);
  return attentionScores2Scalar(q, qStride, keys, stride, count, dim, scale, scores, scoresStride);
}

// @ts-ignore: decorator
@inline
export function attentionMix2(weights: usize, weightsStride: usize, values: usize, stride: usize, count: i32, dim: i32, out: usize, outStride: usize): void {
  if (ASC_FEATURE_SIMD) return attentionMix2SIMD(weights, weightsStride, values, stride, count, dim, out, outStride);
  return attentionMix2Scalar(weights, weightsStride, values, stride, count, dim, out, outStride);
}

// @ts-ignore: decorator
@inline
export function rope(x: usize, cos: usize, sin: usize, half: i32): void {
  if (ASC_FEATURE_SIMD) return ropeSIMD(x, cos, sin, half);
  return ropeScalar(x, cos, sin, half);
}

// @ts-ignore: decorator
@inline
export function topK(x: usize, count: i32, k: i32, indices: usize, values: usize): i32 {
  if (ASC_FEATURE_SIMD) return topKSIMD(x, count, k, indices, values);
  return topKScalar(x, count, k, indices, values);
}

// @ts-ignore: decorator
@inline
export function finiteFloats(p: usize, count: i32): i32 {
  if (ASC_FEATURE_SIMD) return finiteFloatsSIMD(p, count);
  return finiteFloatsScalar(p, count);
}

// @ts-ignore: decorator
@inline
export function finiteScales(p: usize, panels: i32, panelBytes: usize, groups: i32, groupBytes: usize): i32 {
  if (ASC_FEATURE_SIMD) return finiteScalesSIMD(p, panels, panelBytes, groups, groupBytes);
  return finiteScalesScalar(p, panels, panelBytes, groups, groupBytes);
}
