import { MATRIX_TYPE } from "../../core/layout/matrix";
import {
  LAYER_ATTN_NORM,
  LAYER_BYTES,
  LAYER_FFN_NORM,
  MODEL_EMBED,
  MODEL_EMBED_SCALE,
  MODEL_FINAL_NORM,
  MODEL_HEAD,
  MODEL_INV_FREQ,
  MODEL_LAYERS,
  MODEL_LAYER_TABLE,
  MODEL_LOGIT_SCALE,
  MODEL_RESIDUAL_SCALE,
  MODEL_RMS_EPS,
  MODEL_ROPE_DIM,
  MODEL_VOCAB,
} from "../../core/layout/model";
import { ROW_POSITION, ROW_TOKEN } from "../../core/layout/rows";
import {
  OWN_ROWS,
  SCRATCH_BRANCH,
  SCRATCH_COS,
  SCRATCH_FINAL,
  SCRATCH_LOGIT_ROWS,
  SCRATCH_SIN,
  SCRATCH_X,
  TAP_ATTN_OUT,
  TAP_EMBED,
  TAP_FFN_INPUT,
  TAP_HIDDEN,
  TAP_MLP_OUT,
} from "../../core/layout/scratch";
import { addScaled, rmsNorm, scale } from "../kernels";
import { attention, attentionType } from "./attention";
import { float, int, padded, ptr } from "./descriptor";
import { ffn, prepareFfn } from "./ffn";
import { matrixRow, quantizeRows, share } from "./matrix";
import { beginPass, Pass, rowAt } from "./pass";
import { ropeAngles } from "./rope_table";
import { tapRouter, tapRows } from "./taps";
import { end, endRows, firstOf, lastOf, NONE, take, takeRows } from "../team";

/**
 * One pass of n rows through the model: the host has put them, and which of them need logits, into SCRATCH_ROWS and SCRATCH_LOGIT_ROWS.
 * Keys and values go into the caches of the rows' sequences, hidden states after the final norm into SCRATCH_FINAL, and logits f32
 * [logitRows, vocab padded] to `logits`. A row's bits do not depend on the others.
 */
export function forwardPass(model: usize, n: i32, logitRows: i32, logits: usize): void {
  const p = beginPass(model, n);
  const x = ptr(p.scratch, SCRATCH_X);
  embed(p, x);
  decoderLayers(p, x);
  const final = ptr(p.scratch, SCRATCH_FINAL);
  normRows(p, x, ptr(model, MODEL_FINAL_NORM), float(model, MODEL_RMS_EPS), final);
  head(p, final, logitRows, logits);
}

/** The residual stream x through all layers of the pass's model; their keys and values go into the caches of the rows' sequences. */
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

/** x = scaled embeddings of the rows' tokens. */
export function embed(p: Pass, x: usize): void {
  const s = float(p.model, MODEL_EMBED_SCALE);
  let taken = NONE;
  while ((taken = takeRows(p.n)) !== NONE) {
    for (let t = firstOf(taken); t < lastOf(taken); t++) {
      const row = x + <usize>t * p.hiddenStride;
      matrixRow(p.model + MODEL_EMBED, int(rowAt(p, t), ROW_TOKEN), row);
      scale(row, p.hidden, s, row);
    }
  }
  endRows(p.n);
  tapRows(p, TAP_EMBED, 0, x);
}

function positions(p: Pass): void {
  const dim = int(p.model, MODEL_ROPE_DIM);
  let taken = NONE;
  while ((taken = takeRows(p.n)) !== NONE) {
    for (let t = firstOf(taken); t < lastOf(taken); t++) {
      const shift = (<usize>(t * (dim >> 1))) << 2;
      ropeAngles(
        int(rowAt(p, t), ROW_POSITION),
        ptr(p.model, MODEL_INV_FREQ),
        dim,
        ptr(p.scratch, SCRATCH_COS) + shift,
        ptr(p.scratch, SCRATCH_SIN) + shift,
      );
    }
  }
  endRows(p.n);
}

/** Section: RMSNorm (arXiv 1910.07467) of the call's hidden-sized rows. */
export function normRows(p: Pass, x: usize, weight: usize, eps: f32, out: usize): void {
  let taken = NONE;
  while ((taken = takeRows(p.n)) !== NONE) {
    for (let t = firstOf(taken); t < lastOf(taken); t++) normRow(p, x, weight, eps, out, t);
  }
  endRows(p.n);
}

function normRow(p: Pass, x: usize, weight: usize, eps: f32, out: usize, t: i32): void {
  const shift = <usize>t * p.hiddenStride;
  rmsNorm(x + shift, weight, p.hidden, eps, out + shift);
}

/**
 * Section: the input of the branch whose norm is a field of the layer: normed, if there is one, and prepared for the branch's first
 * products.
 */
function beginBranch(p: Pass, x: usize, layer: usize, norm: i32, eps: f32): void {
  const weight = ptr(layer, norm);
  let taken = NONE;
  while ((taken = takeRows(p.n)) !== NONE) {
    for (let t = firstOf(taken); t < lastOf(taken); t++) {
      const shift = <usize>t * p.hiddenStride;
      if (weight !== 0) normRow(p, x, weight, eps, p.input.x, t);
      else memory.copy(p.input.x + shift, x + shift, p.hiddenStride);
    }
    if (norm === LAYER_FFN_NORM) prepareFfn(p, layer, firstOf(taken), lastOf(taken) - firstOf(taken));
    else quantizeRows(p.input, attentionType(p, layer), firstOf(taken), lastOf(taken) - firstOf(taken), p.hidden);
  }
  endRows(p.n);
}

/** Section: x += branch * residual scale (MiniCPM, arXiv 2404.06395: scale_depth / sqrt(layers); 1 for Llama). */
function addBranch(p: Pass, x: usize, s: f32): void {
  const branch = ptr(p.scratch, SCRATCH_BRANCH);
  let taken = NONE;
  while ((taken = takeRows(p.n)) !== NONE) {
    for (let t = firstOf(taken); t < lastOf(taken); t++) {
      addScaled(x + <usize>t * p.hiddenStride, branch + <usize>t * p.hiddenStride, p.hidden, s);
    }
  }
  endRows(p.n);
}

/** Logits of the rows in SCRATCH_LOGIT_ROWS, from hidden states `final`: a section, which the end of the call ends. */
export function head(p: Pass, final: usize, logitRows: i32, logits: usize): void {
  if (logitRows === 0) return;
  // In a call of few rows every thread has these buffers to itself (pass.ts), and fills them.
  if (p.n <= OWN_ROWS) scaleRows(p, final, 0, logitRows);
  else {
    let taken = NONE;
    while ((taken = take(logitRows, 1)) !== NONE) scaleRows(p, final, firstOf(taken), lastOf(taken));
    end();
  }
  share(p, p.model + MODEL_HEAD, p.input, logitRows, logits, (<usize>padded(int(p.model, MODEL_VOCAB))) << 2, false);
}

/** The input of the head for logit rows first..last - 1. */
function scaleRows(p: Pass, final: usize, first: i32, last: i32): void {
  const s = float(p.model, MODEL_LOGIT_SCALE);
  const list = ptr(p.scratch, SCRATCH_LOGIT_ROWS);
  for (let i = first; i < last; i++) {
    const row = <usize>load<u32>(list + (i << 2));
    scale(final + row * p.hiddenStride, p.hidden, s, p.input.x + <usize>i * p.hiddenStride);
  }
  quantizeRows(p.input, int(p.model, MODEL_HEAD + MATRIX_TYPE), first, last - first, p.hidden);
}
