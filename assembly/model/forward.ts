import {
  LAYER_ATTN_NORM, LAYER_BYTES, LAYER_FFN_NORM, LOGITS_ALL, LOGITS_NONE, MATRIX_TYPE, MODEL_EMBED, MODEL_EMBED_SCALE, MODEL_FINAL_NORM,
  MODEL_HEAD, MODEL_INV_FREQ, MODEL_LAYERS, MODEL_LAYER_TABLE, MODEL_LOGIT_SCALE, MODEL_RESIDUAL_SCALE, MODEL_RMS_EPS, MODEL_ROPE_DIM,
  MODEL_VOCAB, SCRATCH_BRANCH, SCRATCH_COS, SCRATCH_FINAL, SCRATCH_LOGITS, SCRATCH_POSITIONS, SCRATCH_SIN, SCRATCH_TOKENS, SCRATCH_X,
  TAP_ATTN_OUT, TAP_EMBED, TAP_FFN_INPUT, TAP_HIDDEN, TAP_MLP_OUT,
} from "../../core/layout";
import { addScaled, rmsNorm, scale } from "../kernels";
import { attention, attentionType } from "./attention";
import { float, int, padded, ptr } from "./descriptor";
import { ffn, prepareFfn } from "./ffn";
import { matrixRow, quantizeRows, share } from "./matrix";
import { beginPass, Pass } from "./pass";
import { ropeAngles } from "./rope_table";
import { tapRouter, tapRows } from "./taps";
import { endRows, from, takeRows, to } from "./team";

/**
 * One chunk through the model. The host has put `n` tokens, positions and masks into scratch; the sequence's cache holds
 * `base` rows. Appends n rows to the cache; leaves hidden states after the final norm in SCRATCH_FINAL and logits in
 * SCRATCH_LOGITS, in row order, for the rows that `logits` (LOGITS_*) asks for.
 */
export function forwardPass(model: usize, sequence: usize, n: i32, base: i32, logits: i32): void {
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
    beginBranch(p, x, layer, LAYER_ATTN_NORM, eps);
    attention(p, layer, l);
    addBranch(p, x, residual);
    tapRows(p, TAP_ATTN_OUT, l, ptr(p.scratch, SCRATCH_BRANCH));
    beginBranch(p, x, layer, LAYER_FFN_NORM, eps);
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
  while (takeRows(p.n)) {
    for (let t = from; t < to; t++) {
      const row = x + <usize>t * p.hiddenStride;
      matrixRow(p.model + MODEL_EMBED, load<i32>(tokens + (t << 2)), row);
      scale(row, p.hidden, s, row);
    }
  }
  endRows(p.n);
  tapRows(p, TAP_EMBED, 0, x);
}

function positions(p: Pass): void {
  const dim = int(p.model, MODEL_ROPE_DIM);
  const at = ptr(p.scratch, SCRATCH_POSITIONS);
  while (takeRows(p.n)) {
    for (let t = from; t < to; t++) {
      const shift = <usize>(t * (dim >> 1)) << 2;
      ropeAngles(load<i32>(at + (t << 2)), ptr(p.model, MODEL_INV_FREQ), dim, ptr(p.scratch, SCRATCH_COS) + shift, ptr(p.scratch, SCRATCH_SIN) + shift);
    }
  }
  endRows(p.n);
}

/** Section: RMSNorm (arXiv 1910.07467) of the chunk's hidden-sized rows. */
export function normRows(p: Pass, x: usize, weight: usize, eps: f32, out: usize): void {
  while (takeRows(p.n)) for (let t = from; t < to; t++) normRow(p, x, weight, eps, out, t);
  endRows(p.n);
}

function normRow(p: Pass, x: usize, weight: usize, eps: f32, out: usize, t: i32): void {
  const shift = <usize>t * p.hiddenStride;
  rmsNorm(x + shift, weight, p.hidden, eps, out + shift);
}

/** Section: the input of the branch whose norm is a field of the layer: normed, if there is one, and prepared for the branch's first products. */
function beginBranch(p: Pass, x: usize, layer: usize, norm: i32, eps: f32): void {
  const weight = ptr(layer, norm);
  while (takeRows(p.n)) {
    for (let t = from; t < to; t++) {
      const shift = <usize>t * p.hiddenStride;
      if (weight !== 0) normRow(p, x, weight, eps, p.input.x, t);
      else memory.copy(p.input.x + shift, x + shift, p.hiddenStride);
    }
    if (norm === LAYER_FFN_NORM) prepareFfn(p, layer, from, to - from);
    else quantizeRows(p.input, attentionType(p, layer), from, to - from, p.hidden);
  }
  endRows(p.n);
}

/** Section: x += branch * residual scale (MiniCPM, arXiv 2404.06395: scale_depth / sqrt(layers); 1 for Llama). */
function addBranch(p: Pass, x: usize, s: f32): void {
  const branch = ptr(p.scratch, SCRATCH_BRANCH);
  while (takeRows(p.n)) {
    for (let t = from; t < to; t++) addScaled(x + <usize>t * p.hiddenStride, branch + <usize>t * p.hiddenStride, p.hidden, s);
  }
  endRows(p.n);
}

/** Logits of the rows that `logits` (LOGITS_*) asks for, from hidden states `final`: a section, which the end of the call ends. */
export function head(p: Pass, final: usize, logits: i32): void {
  if (logits === LOGITS_NONE) return;
  const first = logits === LOGITS_ALL ? 0 : p.n - 1;
  const rows = p.n - first;
  const s = float(p.model, MODEL_LOGIT_SCALE);
  const type = int(p.model, MODEL_HEAD + MATRIX_TYPE);
  // By p.n, not by rows: it says whether the threads have these buffers to themselves.
  while (takeRows(p.n)) {
    for (let t = max(from, first); t < to; t++) {
      scale(final + <usize>t * p.hiddenStride, p.hidden, s, p.input.x + <usize>(t - first) * p.hiddenStride);
      quantizeRows(p.input, type, t - first, 1, p.hidden);
    }
  }
  endRows(p.n);
  share(p.model + MODEL_HEAD, p.input, p.iota, rows, ptr(p.scratch, SCRATCH_LOGITS), <usize>padded(int(p.model, MODEL_VOCAB)) << 2, false);
}
