import { ATTENTION_MLA } from "../../core/layout/kinds";
import { MATRIX_DATA, MATRIX_ROWS, MATRIX_TYPE, PANEL_ROWS } from "../../core/layout/matrix";
import {
  LAYER_K,
  LAYER_K_BIAS,
  LAYER_KV_NORM,
  LAYER_K_ABSORB,
  LAYER_O,
  LAYER_Q,
  LAYER_Q_BIAS,
  LAYER_Q_NORM,
  LAYER_Q_UP,
  LAYER_V,
  LAYER_V_BIAS,
  LAYER_V_ABSORB,
  MODEL_ATTENTION,
  MODEL_HEADS,
  MODEL_HEAD_OUT,
  MODEL_KEY_DIM,
  MODEL_KV_HEADS,
  MODEL_KV_RANK,
  MODEL_LORA_EPS,
  MODEL_NOPE_DIM,
  MODEL_Q_RANK,
  MODEL_ROPE_DIM,
} from "../../core/layout/model";
import { HEADS_TOGETHER, ROW_PLACE, SEQ_KEYS, SEQ_VALUES } from "../../core/layout/rows";
import {
  SCRATCH_ATTN,
  SCRATCH_BRANCH,
  SCRATCH_COS,
  SCRATCH_K,
  SCRATCH_K_ROTATED,
  SCRATCH_O_LATENT,
  SCRATCH_Q,
  SCRATCH_Q_LATENT,
  SCRATCH_Q_LOW,
  SCRATCH_Q_NORMED,
  SCRATCH_SIN,
  SCRATCH_V,
} from "../../core/layout/scratch";
import { addScaled, rmsNorm, rope } from "../kernels";
import { Activations } from "../kernels/product";
import { attend, cacheHead } from "./attend";
import { float, int, padded, ptr } from "./descriptor";
import { matrixBytes, multiply, multiplyRows, panelGrain, panels, prepare, project, quantizeRows } from "./matrix";
import { headRows, innerRows, Pass, rowAt } from "./pass";
import { end, endRows, firstOf, lastOf, NONE, take, takeRows, Units } from "../team";

/** Weight type of the branch's first products: that of the one which needs quantised rows, if any does. */
export function attentionType(p: Pass, layer: usize): i32 {
  const type = max(int(layer, LAYER_Q + MATRIX_TYPE), int(layer, LAYER_K + MATRIX_TYPE));
  return int(p.model, MODEL_ATTENTION) === ATTENTION_MLA ? type : max(type, int(layer, LAYER_V + MATRIX_TYPE));
}

/**
 * The attention branch: reads `p.input`, quantised for `attentionType`, appends to the caches, leaves the output projection in
 * SCRATCH_BRANCH.
 */
export function attention(p: Pass, layer: usize, index: i32): void {
  const heads = int(p.model, MODEL_HEADS);
  const headOut = int(p.model, MODEL_HEAD_OUT);
  // One panel more than the row: MLA writes whole panels per head, the last one past the row's end.
  const attnStride = (<usize>(padded(heads * headOut) + PANEL_ROWS)) << 2;
  if (int(p.model, MODEL_ATTENTION) === ATTENTION_MLA) latentAttention(p, layer, index, attnStride);
  else groupedAttention(p, layer, index, attnStride);
  const out = innerRows(p, ptr(p.scratch, SCRATCH_ATTN), attnStride);
  prepare(out, int(layer, LAYER_O + MATRIX_TYPE), p.n, heads * headOut);
  project(p, layer + LAYER_O, out, ptr(p.scratch, SCRATCH_BRANCH), p.hiddenStride);
}

/** Sections: grouped-query attention (arXiv 2305.13245): each key/value head serves heads / kvHeads query heads in a row. */
function groupedAttention(p: Pass, layer: usize, index: i32, attnStride: usize): void {
  const heads = int(p.model, MODEL_HEADS);
  const kvHeads = int(p.model, MODEL_KV_HEADS);
  const dim = int(p.model, MODEL_KEY_DIM);
  const q = ptr(p.scratch, SCRATCH_Q);
  const qStride = (<usize>padded(heads * dim)) << 2;
  const bytes = (<usize>dim) << 2;
  const k = ptr(p.scratch, SCRATCH_K);
  const v = ptr(p.scratch, SCRATCH_V);
  const kvStride = (<usize>padded(kvHeads * dim)) << 2;
  // Panels of the queries' matrix, then of the keys', then of the values'.
  const qPanels = panels(heads * dim);
  const kPanels = panels(kvHeads * dim);
  let taken = NONE;
  const grain = panelGrain(int(layer, LAYER_Q + MATRIX_TYPE), p.hidden, p.n);
  while ((taken = take(qPanels + 2 * kPanels, grain)) !== NONE) {
    somePanels(p, taken, layer + LAYER_Q, ptr(layer, LAYER_Q_BIAS), 0, q, qStride);
    somePanels(p, taken, layer + LAYER_K, ptr(layer, LAYER_K_BIAS), qPanels, k, kvStride);
    somePanels(p, taken, layer + LAYER_V, ptr(layer, LAYER_V_BIAS), qPanels + kPanels, v, kvStride);
  }
  end();
  // In a call of few rows every thread appends them, and all write the same: cheaper than waiting for each other.
  const rotated = ptr(p.scratch, SCRATCH_K_ROTATED);
  while ((taken = takeRows(p.n)) !== NONE) {
    for (let t = firstOf(taken); t < lastOf(taken); t++) {
      const row = rotated + <usize>t * kvStride;
      memory.copy(row, k + <usize>t * kvStride, <usize>kvHeads * bytes);
      for (let h = 0; h < kvHeads; h++) {
        const shift = <usize>h * bytes;
        const place = <usize>int(rowAt(p, t), ROW_PLACE) * bytes;
        turn(p, row + shift, ptr(layer, LAYER_KV_NORM), t, dim);
        memory.copy(cacheHead(p, t, SEQ_KEYS, index * kvHeads + h, bytes) + place, row + shift, bytes);
        memory.copy(cacheHead(p, t, SEQ_VALUES, index * kvHeads + h, bytes) + place, v + <usize>t * kvStride + shift, bytes);
      }
    }
  }
  endRows(p.n);
  const group = heads / kvHeads;
  const pairs = (group + 1) / HEADS_TOGETHER;
  const out = ptr(p.scratch, SCRATCH_ATTN);
  // A unit is two heads that share keys and values; the last of an odd group is alone. The units of a key head follow each other, and in
  // them the rows of a sequence: its keys and values come from memory once.
  while ((taken = take(kvHeads * p.n * pairs, 1)) !== NONE) {
    for (let u = firstOf(taken); u < lastOf(taken); u++) {
      const kv = u / (p.n * pairs);
      const t = (u / pairs) % p.n;
      const h = kv * group + (u % pairs) * HEADS_TOGETHER;
      const count = min(HEADS_TOGETHER, (kv + 1) * group - h);
      const query = q + <usize>t * qStride + <usize>h * bytes;
      for (let i = 0; i < count; i++) turn(p, query + <usize>i * bytes, ptr(layer, LAYER_Q_NORM), t, dim);
      const keys = cacheHead(p, t, SEQ_KEYS, index * kvHeads + kv, bytes);
      const values = cacheHead(p, t, SEQ_VALUES, index * kvHeads + kv, bytes);
      attend(p, t, query, bytes, count, keys, values, bytes, dim, dim, out + <usize>t * attnStride + <usize>h * bytes, bytes);
    }
  }
  end();
}

/** Gives the query or key of a head its position, after its norm (0: none). */
function turn(p: Pass, head: usize, norm: usize, t: i32, dim: i32): void {
  if (norm !== 0) rmsNorm(head, norm, dim, float(p.model, MODEL_LORA_EPS), head);
  rope(head, angles(p, SCRATCH_COS, t), angles(p, SCRATCH_SIN, t), dim >> 1);
}

/**
 * What the taken panels of a section hold of a product with the input, whose matrix has the panels from `start` on, and of its bias
 * (0: none).
 */
function somePanels(p: Pass, taken: Units, matrix: usize, bias: usize, start: i32, y: usize, yStride: usize): void {
  const all = int(matrix, MATRIX_ROWS);
  const first = max(firstOf(taken) - start, 0) * PANEL_ROWS;
  const rows = min(all, (lastOf(taken) - start) * PANEL_ROWS) - first;
  if (rows <= 0) return;
  multiplyRows(p, matrix, first, rows, p.input, p.n, y, yStride, false);
  if (bias === 0) return;
  const shift = (<usize>first) << 2;
  for (let t = 0; t < p.n; t++) addScaled(y + <usize>t * yStride + shift, bias + shift, rows, 1);
}

/**
 * Sections: multi-head latent attention (DeepSeek-V2, arXiv 2405.04434), absorbed: the cache keeps [normed latent | rotated key part];
 * queries are taken into the latent space (kv_b's key half) and the mixed latents back out of it (its value half).
 */
function latentAttention(p: Pass, layer: usize, index: i32, attnStride: usize): void {
  const heads = int(p.model, MODEL_HEADS);
  const qDim = int(p.model, MODEL_NOPE_DIM) + int(p.model, MODEL_ROPE_DIM);
  const qRank = int(p.model, MODEL_Q_RANK);
  const keyDim = int(p.model, MODEL_KEY_DIM);
  const low = ptr(p.scratch, SCRATCH_Q_LOW);
  const lowStride = (<usize>padded(qRank)) << 2;
  const kv = ptr(p.scratch, SCRATCH_K);
  const kvStride = (<usize>padded(keyDim)) << 2;

  // Panels of the queries' way down, then of the keys'.
  const qPanels = panels(qRank);
  let taken = NONE;
  const grain = panelGrain(int(layer, LAYER_Q + MATRIX_TYPE), p.hidden, p.n);
  while ((taken = take(qPanels + panels(keyDim), grain)) !== NONE) {
    somePanels(p, taken, layer + LAYER_Q, 0, 0, low, lowStride);
    somePanels(p, taken, layer + LAYER_K, 0, qPanels, kv, kvStride);
  }
  end();
  const lowRows = innerRows(p, ptr(p.scratch, SCRATCH_Q_NORMED), lowStride);
  while ((taken = takeRows(p.n)) !== NONE) {
    for (let t = firstOf(taken); t < lastOf(taken); t++) {
      const shift = <usize>t * lowStride;
      rmsNorm(low + shift, ptr(layer, LAYER_Q_NORM), qRank, float(p.model, MODEL_LORA_EPS), lowRows.x + shift);
    }
    quantizeRows(lowRows, int(layer, LAYER_Q_UP + MATRIX_TYPE), firstOf(taken), lastOf(taken) - firstOf(taken), qRank);
  }
  endRows(p.n);
  // Units are the keys, and the heads of the queries; where heads are no whole panels, those all at once.
  const units = qDim % PANEL_ROWS === 0 ? heads : 1;
  while ((taken = take(1 + units, 1)) !== NONE) {
    if (firstOf(taken) === 0) appendLatents(p, layer, index, kv, kvStride);
    const each = heads / units;
    if (lastOf(taken) > 1) latentQueries(p, layer, lowRows, max(firstOf(taken) - 1, 0) * each, (lastOf(taken) - 1) * each);
  }
  end();
  // The padding that a head's values may end with must be overwritten by the next head's.
  const pairs = (heads + 1) / HEADS_TOGETHER;
  const parts = int(p.model, MODEL_HEAD_OUT) % PANEL_ROWS === 0 ? pairs : 1;
  while ((taken = take(parts, 1)) !== NONE) {
    for (let u = firstOf(taken) * (pairs / parts); u < lastOf(taken) * (pairs / parts); u++) {
      const h = u * HEADS_TOGETHER;
      latentHeads(p, layer, index, h, min(HEADS_TOGETHER, heads - h), attnStride);
    }
  }
  end();
}

/** The rows' places in the caches: normed latents and rotated key parts. */
function appendLatents(p: Pass, layer: usize, index: i32, kv: usize, kvStride: usize): void {
  const rank = int(p.model, MODEL_KV_RANK);
  const rowBytes = (<usize>int(p.model, MODEL_KEY_DIM)) << 2;
  for (let t = 0; t < p.n; t++) {
    const row = kv + <usize>t * kvStride;
    rmsNorm(row, ptr(layer, LAYER_KV_NORM), rank, float(p.model, MODEL_LORA_EPS), row);
    rope(row + ((<usize>rank) << 2), angles(p, SCRATCH_COS, t), angles(p, SCRATCH_SIN, t), int(p.model, MODEL_ROPE_DIM) >> 1);
    memory.copy(cacheHead(p, t, SEQ_KEYS, index, rowBytes) + <usize>int(rowAt(p, t), ROW_PLACE) * rowBytes, row, rowBytes);
  }
}

/** Queries of heads first..last - 1 in the latent space: [absorbed part | rotated part]. */
function latentQueries(p: Pass, layer: usize, lowRows: Activations, first: i32, last: i32): void {
  const nope = int(p.model, MODEL_NOPE_DIM);
  const ropeDim = int(p.model, MODEL_ROPE_DIM);
  const rank = int(p.model, MODEL_KV_RANK);
  const qDim = nope + ropeDim;
  const q = ptr(p.scratch, SCRATCH_Q);
  const qStride = (<usize>padded(int(p.model, MODEL_HEADS) * qDim)) << 2;
  const stride = latentStride(p);
  const type = int(layer, LAYER_K_ABSORB + MATRIX_TYPE);
  const bytes = matrixBytes(type, rank, nope);
  multiplyRows(p, layer + LAYER_Q_UP, first * qDim, (last - first) * qDim, lowRows, p.n, q, qStride, false);
  for (let h = first; h < last; h++) {
    const part = q + ((<usize>(h * qDim)) << 2);
    const head = headRows(p, part, qStride);
    quantizeRows(head, type, 0, p.n, nope);
    const target = latentQuery(p, h);
    const product = p.product.weights(ptr(layer, LAYER_K_ABSORB + MATRIX_DATA) + <usize>h * bytes, rank, nope).of(head, p.iota, p.n);
    multiply(type, product.into(target, stride, p.iota, false));
    for (let t = 0; t < p.n; t++) {
      const rotated = target + <usize>t * stride + ((<usize>rank) << 2);
      memory.copy(rotated, part + <usize>t * qStride + ((<usize>nope) << 2), (<usize>ropeDim) << 2);
      rope(rotated, angles(p, SCRATCH_COS, t), angles(p, SCRATCH_SIN, t), ropeDim >> 1);
    }
  }
}

/** Attention of `count` heads from h on over the latents, and their values taken out of the latent space. */
function latentHeads(p: Pass, layer: usize, index: i32, h: i32, count: i32, attnStride: usize): void {
  const rank = int(p.model, MODEL_KV_RANK);
  const keyDim = int(p.model, MODEL_KEY_DIM);
  const rowBytes = (<usize>keyDim) << 2;
  const headOut = int(p.model, MODEL_HEAD_OUT);
  const headBytes = (<usize>padded(rank)) << 2;
  const stride = <usize>int(p.model, MODEL_HEADS) * headBytes;
  const first = ptr(p.scratch, SCRATCH_O_LATENT) + <usize>h * headBytes;
  for (let t = 0; t < p.n; t++) {
    const query = latentQuery(p, h) + <usize>t * latentStride(p);
    const keys = cacheHead(p, t, SEQ_KEYS, index, rowBytes);
    attend(p, t, query, (<usize>latentDim(p)) << 2, count, keys, keys, rowBytes, keyDim, rank, first + <usize>t * stride, headBytes);
  }
  const type = int(layer, LAYER_V_ABSORB + MATRIX_TYPE);
  for (let i = 0; i < count; i++) {
    const mixed = headRows(p, first + <usize>i * headBytes, stride);
    quantizeRows(mixed, type, 0, p.n, rank);
    const w = ptr(layer, LAYER_V_ABSORB + MATRIX_DATA) + <usize>(h + i) * matrixBytes(type, headOut, rank);
    const product = p.product.weights(w, headOut, rank).of(mixed, p.iota, p.n);
    multiply(type, product.into(ptr(p.scratch, SCRATCH_ATTN) + ((<usize>((h + i) * headOut)) << 2), attnStride, p.iota, false));
  }
}

/** Floats of a head's latent query: both of its parts in whole panels. */
function latentDim(p: Pass): i32 {
  return padded(int(p.model, MODEL_KV_RANK)) + padded(int(p.model, MODEL_ROPE_DIM));
}

/** Bytes between rows of latent queries. */
function latentStride(p: Pass): usize {
  return (<usize>(int(p.model, MODEL_HEADS) * latentDim(p))) << 2;
}

function latentQuery(p: Pass, h: i32): usize {
  return ptr(p.scratch, SCRATCH_Q_LATENT) + ((<usize>(h * latentDim(p))) << 2);
}

function angles(p: Pass, field: i32, t: i32): usize {
  return ptr(p.scratch, field) + ((t * (int(p.model, MODEL_ROPE_DIM) >> 1)) << 2);
}
