import {
  ATTENTION_MLA, LAYER_K, LAYER_KV_NORM, LAYER_K_ABSORB, LAYER_O, LAYER_Q, LAYER_Q_NORM, LAYER_Q_UP, LAYER_V, LAYER_V_ABSORB, MATRIX_DATA,
  MATRIX_TYPE, MODEL_ATTENTION, MODEL_HEADS, MODEL_HEAD_OUT, MODEL_KEY_DIM, MODEL_KV_HEADS, MODEL_KV_RANK, MODEL_LORA_EPS, MODEL_NOPE_DIM,
  MODEL_Q_RANK, MODEL_ROPE_DIM, MODEL_SOFTMAX_SCALE, MODEL_VALUE_DIM, PANEL_ROWS, SCRATCH_ATTN, SCRATCH_BRANCH, SCRATCH_COS, SCRATCH_K, SCRATCH_MASKS,
  SCRATCH_O_LATENT, SCRATCH_Q, SCRATCH_Q_LATENT, SCRATCH_Q_LOW, SCRATCH_SCORES, SCRATCH_SIN, SCRATCH_V, SEQ_CAPACITY, SEQ_KEYS, SEQ_VALUES,
} from "../layout";
import { attentionMix, attentionScores, rmsNorm, rope, softmax } from "../kernels";
import { float, int, padded, ptr } from "./descriptor";
import { matrixBytes, multiply, prepare, project } from "./matrix";
import { innerRows, Pass } from "./pass";

/** The attention branch: reads `p.input` (normed rows), appends to the cache, leaves the output projection in SCRATCH_BRANCH. */
export function attention(p: Pass, layer: usize, index: i32): void {
  const heads = int(p.model, MODEL_HEADS);
  const headOut = int(p.model, MODEL_HEAD_OUT);
  // One panel more than the row: MLA writes whole panels per head, the last one past the row's end.
  const attnStride = <usize>(padded(heads * headOut) + PANEL_ROWS) << 2;
  if (int(p.model, MODEL_ATTENTION) === ATTENTION_MLA) latentAttention(p, layer, index, attnStride);
  else groupedAttention(p, layer, index, attnStride);
  const out = innerRows(p, ptr(p.scratch, SCRATCH_ATTN), attnStride);
  prepare(out, int(layer, LAYER_O + MATRIX_TYPE), p.n, heads * headOut);
  project(layer + LAYER_O, out, p.iota, p.n, ptr(p.scratch, SCRATCH_BRANCH), p.hiddenStride);
}

/** Grouped-query attention (arXiv 2305.13245): each key/value head serves heads / kvHeads query heads in a row. */
function groupedAttention(p: Pass, layer: usize, index: i32, attnStride: usize): void {
  const heads = int(p.model, MODEL_HEADS);
  const kvHeads = int(p.model, MODEL_KV_HEADS);
  const dim = int(p.model, MODEL_KEY_DIM);
  const half = dim >> 1;
  const q = ptr(p.scratch, SCRATCH_Q);
  const qStride = <usize>padded(heads * dim) << 2;
  const k = ptr(p.scratch, SCRATCH_K);
  const v = ptr(p.scratch, SCRATCH_V);
  const kvStride = <usize>padded(kvHeads * dim) << 2;
  const rowBytes = <usize>(kvHeads * dim) << 2;
  const keys = cacheLayer(p, index, SEQ_KEYS, kvHeads * dim);
  const values = cacheLayer(p, index, SEQ_VALUES, kvHeads * dim);

  prepareAll(p, layer, LAYER_Q, LAYER_K, LAYER_V);
  project(layer + LAYER_Q, p.input, p.iota, p.n, q, qStride);
  project(layer + LAYER_K, p.input, p.iota, p.n, k, kvStride);
  project(layer + LAYER_V, p.input, p.iota, p.n, v, kvStride);
  for (let t = 0; t < p.n; t++) {
    const cos = angles(p, SCRATCH_COS, t);
    const sin = angles(p, SCRATCH_SIN, t);
    for (let h = 0; h < heads; h++) rope(q + <usize>t * qStride + ((h * dim) << 2), cos, sin, half);
    for (let h = 0; h < kvHeads; h++) rope(k + <usize>t * kvStride + ((h * dim) << 2), cos, sin, half);
    memory.copy(keys + <usize>(p.base + t) * rowBytes, k + <usize>t * kvStride, rowBytes);
    memory.copy(values + <usize>(p.base + t) * rowBytes, v + <usize>t * kvStride, rowBytes);
  }
  const group = heads / kvHeads;
  const out = ptr(p.scratch, SCRATCH_ATTN);
  for (let t = 0; t < p.n; t++) {
    for (let h = 0; h < heads; h++) {
      const shift = <usize>((h / group) * dim) << 2;
      attend(p, t, q + <usize>t * qStride + ((h * dim) << 2), keys + shift, values + shift, rowBytes, dim, dim, out + <usize>t * attnStride + ((h * dim) << 2));
    }
  }
}

/**
 * Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434), absorbed: the cache keeps [normed latent | rotated key part];
 * queries are taken into the latent space (kv_b's key half) and the mixed latents back out of it (its value half).
 */
function latentAttention(p: Pass, layer: usize, index: i32, attnStride: usize): void {
  const heads = int(p.model, MODEL_HEADS);
  const nope = int(p.model, MODEL_NOPE_DIM);
  const ropeDim = int(p.model, MODEL_ROPE_DIM);
  const qDim = nope + ropeDim;
  const qRank = int(p.model, MODEL_Q_RANK);
  const rank = int(p.model, MODEL_KV_RANK);
  const keyDim = int(p.model, MODEL_KEY_DIM);
  const headOut = int(p.model, MODEL_HEAD_OUT);
  const eps = float(p.model, MODEL_LORA_EPS);
  const low = ptr(p.scratch, SCRATCH_Q_LOW);
  const lowStride = <usize>padded(qRank) << 2;
  const q = ptr(p.scratch, SCRATCH_Q);
  const qStride = <usize>padded(heads * qDim) << 2;
  const kv = ptr(p.scratch, SCRATCH_K);
  const kvStride = <usize>padded(keyDim) << 2;
  const rowBytes = <usize>keyDim << 2;
  const keys = cacheLayer(p, index, SEQ_KEYS, keyDim);

  prepareAll(p, layer, LAYER_Q, LAYER_K, LAYER_K);
  project(layer + LAYER_Q, p.input, p.iota, p.n, low, lowStride);
  project(layer + LAYER_K, p.input, p.iota, p.n, kv, kvStride);
  for (let t = 0; t < p.n; t++) {
    rmsNorm(low + <usize>t * lowStride, ptr(layer, LAYER_Q_NORM), qRank, eps, low + <usize>t * lowStride);
    const row = kv + <usize>t * kvStride;
    rmsNorm(row, ptr(layer, LAYER_KV_NORM), rank, eps, row);
    rope(row + (<usize>rank << 2), angles(p, SCRATCH_COS, t), angles(p, SCRATCH_SIN, t), ropeDim >> 1);
    memory.copy(keys + <usize>(p.base + t) * rowBytes, row, rowBytes);
  }
  const lowRows = innerRows(p, low, lowStride);
  prepare(lowRows, int(layer, LAYER_Q_UP + MATRIX_TYPE), p.n, qRank);
  project(layer + LAYER_Q_UP, lowRows, p.iota, p.n, q, qStride);

  const latentQ = ptr(p.scratch, SCRATCH_Q_LATENT);
  const latentDim = padded(rank) + padded(ropeDim);
  const latentQStride = <usize>(heads * latentDim) << 2;
  const latentO = ptr(p.scratch, SCRATCH_O_LATENT);
  const latentOStride = <usize>(heads * padded(rank)) << 2;
  const out = ptr(p.scratch, SCRATCH_ATTN);
  const keyType = int(layer, LAYER_K_ABSORB + MATRIX_TYPE);
  const keyBytes = matrixBytes(keyType, rank, nope);
  const valueType = int(layer, LAYER_V_ABSORB + MATRIX_TYPE);
  const valueBytes = matrixBytes(valueType, headOut, rank);
  for (let h = 0; h < heads; h++) {
    const head = innerRows(p, q + (<usize>(h * qDim) << 2), qStride);
    prepare(head, keyType, p.n, nope);
    const target = latentQ + (<usize>(h * latentDim) << 2);
    multiply(keyType, ptr(layer, LAYER_K_ABSORB + MATRIX_DATA) + <usize>h * keyBytes, rank, nope, head, p.iota, p.n, target, latentQStride, p.iota, false);
    for (let t = 0; t < p.n; t++) {
      const part = q + <usize>t * qStride + (<usize>(h * qDim + nope) << 2);
      rope(part, angles(p, SCRATCH_COS, t), angles(p, SCRATCH_SIN, t), ropeDim >> 1);
      const query = target + <usize>t * latentQStride;
      memory.copy(query + (<usize>rank << 2), part, <usize>ropeDim << 2);
      attend(p, t, query, keys, keys, rowBytes, keyDim, rank, latentO + <usize>t * latentOStride + (<usize>(h * padded(rank)) << 2));
    }
    const mixed = innerRows(p, latentO + (<usize>(h * padded(rank)) << 2), latentOStride);
    prepare(mixed, valueType, p.n, rank);
    // Heads are written in ascending order, so the padding that one writes is overwritten by the next.
    multiply(
      valueType, ptr(layer, LAYER_V_ABSORB + MATRIX_DATA) + <usize>h * valueBytes, headOut, rank, mixed, p.iota, p.n,
      out + (<usize>(h * headOut) << 2), attnStride, p.iota, false,
    );
  }
}

/**
 * One query over the cache rows it sees: the first `visible` ones, then those after them that its mask names, ascending.
 * Scores are kept without gaps, so the arithmetic depends on how many rows are seen, not on where they lie.
 */
function attend(p: Pass, t: i32, q: usize, keys: usize, values: usize, stride: usize, keyDim: i32, valueDim: i32, out: usize): void {
  const scale = float(p.model, MODEL_SOFTMAX_SCALE);
  const scores = ptr(p.scratch, SCRATCH_SCORES);
  const mask = load<u64>(ptr(p.scratch, SCRATCH_MASKS) + (t << 3));
  attentionScores(q, keys, stride, p.visible, keyDim, scale, scores);
  let seen = p.visible;
  let rest = mask;
  while (rest !== 0) {
    const from = <i32>ctz(rest);
    const run = runLength(rest >> from);
    attentionScores(q, keys + <usize>(p.visible + from) * stride, stride, run, keyDim, scale, scores + (seen << 2));
    seen += run;
    rest = clearRun(rest, from, run);
  }
  softmax(scores, seen);
  memory.fill(out, 0, <usize>valueDim << 2);
  attentionMix(scores, values, stride, p.visible, valueDim, out);
  seen = p.visible;
  rest = mask;
  while (rest !== 0) {
    const from = <i32>ctz(rest);
    const run = runLength(rest >> from);
    attentionMix(scores + (seen << 2), values + <usize>(p.visible + from) * stride, stride, run, valueDim, out);
    seen += run;
    rest = clearRun(rest, from, run);
  }
}

/** Ones at the low end of `bits`. */
function runLength(bits: u64): i32 {
  return bits === u64.MAX_VALUE ? 64 : <i32>ctz(~bits);
}

function clearRun(bits: u64, from: i32, run: i32): u64 {
  const end = from + run;
  return end >= 64 ? 0 : bits & (u64.MAX_VALUE << end);
}

function angles(p: Pass, field: i32, t: i32): usize {
  return ptr(p.scratch, field) + ((t * (int(p.model, MODEL_ROPE_DIM) >> 1)) << 2);
}

function cacheLayer(p: Pass, index: i32, field: i32, width: i32): usize {
  return ptr(p.sequence, field) + <usize>index * <usize>int(p.sequence, SEQ_CAPACITY) * (<usize>width << 2);
}

/** Quantises the branch's input once if any of three matrices needs it. */
function prepareAll(p: Pass, layer: usize, a: i32, b: i32, c: i32): void {
  const type = max(int(layer, a + MATRIX_TYPE), max(int(layer, b + MATRIX_TYPE), int(layer, c + MATRIX_TYPE)));
  prepare(p.input, type, p.n, p.hidden);
}
