import {
  LAYER_ATTN_NORM, LAYER_BYTES, LAYER_FFN_NORM, LOGITS_ALL, LOGITS_NONE, MATRIX_TYPE, MODEL_EMBED, MODEL_EMBED_SCALE, MODEL_FINAL_NORM,
  MODEL_HEAD, MODEL_INV_FREQ, MODEL_LAYERS, MODEL_LAYER_TABLE, MODEL_LOGIT_SCALE, MODEL_RESIDUAL_SCALE, MODEL_RMS_EPS, MODEL_ROPE_DIM,
  MODEL_VOCAB, SCRATCH_BRANCH, SCRATCH_COS, SCRATCH_FINAL, SCRATCH_LOGITS, SCRATCH_POSITIONS, SCRATCH_SIN, SCRATCH_TOKENS, SCRATCH_X,
  TAP_ATTN_OUT, TAP_EMBED, TAP_FFN_INPUT, TAP_HIDDEN, TAP_MLP_OUT,
} from "../layout";
import { addScaled, rmsNorm, scale } from "../kernels";
import { attention } from "./attention";
import { float, int, padded, ptr } from "./descriptor";
import { ffn } from "./ffn";
import { matrixRow, prepare, project } from "./matrix";
import { beginPass, Pass } from "./pass";
import { ropeAngles } from "./rope_table";
import { tapRouter, tapRows } from "./taps";

/**
 * One chunk through the model. The host has put `n` tokens, positions and masks into scratch; the sequence's cache holds
 * `base` rows. Appends n rows to the cache; leaves hidden states after the final norm in SCRATCH_FINAL and logits in
 * SCRATCH_LOGITS, in row order, for the rows that `logits` (LOGITS_*) asks for.
 */
export function forward(model: usize, sequence: usize, n: i32, base: i32, logits: i32): void {
  const p = beginPass(model, sequence, n, base, base);
  const x = ptr(p.scratch, SCRATCH_X);
  embed(p, x);
  decoderLayers(p, x);
  const final = ptr(p.scratch, SCRATCH_FINAL);
  normRows(p, x, ptr(model, MODEL_FINAL_NORM), float(model, MODEL_RMS_EPS), final);
  head(p, final, logits);
}

/** The residual stream x through all layers of the pass's model; their keys and values are appended to the cache. */
export function decoderLayers(p: Pass, x: usize): void {
  const eps = float(p.model, MODEL_RMS_EPS);
  const residual = float(p.model, MODEL_RESIDUAL_SCALE);
  const layers = int(p.model, MODEL_LAYERS);
  let layer = ptr(p.model, MODEL_LAYER_TABLE);
  positions(p);
  for (let l = 0; l < layers; l++) {
    const attnNorm = ptr(layer, LAYER_ATTN_NORM);
    if (attnNorm !== 0) normRows(p, x, attnNorm, eps, p.input.x);
    else memory.copy(p.input.x, x, <usize>p.n * p.hiddenStride);
    attention(p, layer, l);
    addBranch(p, x, residual);
    tapRows(p, TAP_ATTN_OUT, l, ptr(p.scratch, SCRATCH_BRANCH));
    normRows(p, x, ptr(layer, LAYER_FFN_NORM), eps, p.input.x);
    tapRows(p, TAP_FFN_INPUT, l, p.input.x);
    ffn(p, layer, l);
    addBranch(p, x, residual);
    tapRows(p, TAP_MLP_OUT, l, ptr(p.scratch, SCRATCH_BRANCH));
    tapRows(p, TAP_HIDDEN, l, x);
    tapRouter(p, l);
    layer += LAYER_BYTES;
  }
}

/** x = scaled embeddings of the chunk's tokens. */
export function embed(p: Pass, x: usize): void {
  const tokens = ptr(p.scratch, SCRATCH_TOKENS);
  const s = float(p.model, MODEL_EMBED_SCALE);
  for (let t = 0; t < p.n; t++) {
    const row = x + <usize>t * p.hiddenStride;
    matrixRow(p.model + MODEL_EMBED, load<i32>(tokens + (t << 2)), row);
    scale(row, p.hidden, s, row);
  }
  tapRows(p, TAP_EMBED, 0, x);
}

function positions(p: Pass): void {
  const dim = int(p.model, MODEL_ROPE_DIM);
  const at = ptr(p.scratch, SCRATCH_POSITIONS);
  for (let t = 0; t < p.n; t++) {
    const shift = <usize>(t * (dim >> 1)) << 2;
    ropeAngles(load<i32>(at + (t << 2)), ptr(p.model, MODEL_INV_FREQ), dim, ptr(p.scratch, SCRATCH_COS) + shift, ptr(p.scratch, SCRATCH_SIN) + shift);
  }
}

/** RMSNorm (arXiv 1910.07467) of the chunk's hidden-sized rows. */
export function normRows(p: Pass, x: usize, weight: usize, eps: f32, out: usize): void {
  for (let t = 0; t < p.n; t++) rmsNorm(x + <usize>t * p.hiddenStride, weight, p.hidden, eps, out + <usize>t * p.hiddenStride);
}

/** x += branch * residual scale (MiniCPM, arXiv 2404.06395: scale_depth / sqrt(layers); 1 for Llama). */
function addBranch(p: Pass, x: usize, s: f32): void {
  const branch = ptr(p.scratch, SCRATCH_BRANCH);
  for (let t = 0; t < p.n; t++) addScaled(x + <usize>t * p.hiddenStride, branch + <usize>t * p.hiddenStride, p.hidden, s);
}

/** Logits of the rows that `logits` (LOGITS_*) asks for, from hidden states `final`. */
export function head(p: Pass, final: usize, logits: i32): void {
  if (logits === LOGITS_NONE) return;
  const first = logits === LOGITS_ALL ? 0 : p.n - 1;
  const rows = p.n - first;
  const s = float(p.model, MODEL_LOGIT_SCALE);
  for (let t = 0; t < rows; t++) scale(final + <usize>(first + t) * p.hiddenStride, p.hidden, s, p.input.x + <usize>t * p.hiddenStride);
  prepare(p.input, int(p.model, MODEL_HEAD + MATRIX_TYPE), rows, p.hidden);
  project(p.model + MODEL_HEAD, p.input, p.iota, rows, ptr(p.scratch, SCRATCH_LOGITS), <usize>padded(int(p.model, MODEL_VOCAB)) << 2);
}
