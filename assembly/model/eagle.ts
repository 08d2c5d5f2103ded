import { EAGLE_EMBED_NORM, EAGLE_FC_BIAS, EAGLE_FC_EMBED, EAGLE_FC_HIDDEN, EAGLE_HIDDEN, EAGLE_HIDDEN_NORM } from "../../core/layout/eagle";
import { MATRIX_TYPE } from "../../core/layout/matrix";
import { MODEL_RMS_EPS } from "../../core/layout/model";
import { SCRATCH_BRANCH, SCRATCH_FINAL, SCRATCH_X } from "../../core/layout/scratch";
import { addScaled, argmax, softmax, topK } from "../kernels";
import { float, int, ptr } from "./descriptor";
import { decoderLayers, embed, head, normRows } from "./forward";
import { prepare, share } from "./matrix";
import { beginPass, Pass } from "./pass";
import { end, endRows, firstOf, lastOf, NONE, takeRows } from "../team";

/**
 * One pass of n rows through an EAGLE head (arXiv 2406.16858), as `forwardPass` has it, in the head's scratch. The host has put a hidden
 * state for each row into EAGLE_HIDDEN: the base model's after its final norm, or this head's own output at a drafted parent.
 * Leaves the head's outputs in SCRATCH_FINAL and draft logits at `logits`.
 */
export function eaglePass(eagle: usize, n: i32, logitRows: i32, logits: usize): void {
  const p = beginPass(eagle, n);
  const x = ptr(p.scratch, SCRATCH_X);
  embed(p, x);
  join(p, x);
  decoderLayers(p, x);
  const final = ptr(p.scratch, SCRATCH_FINAL);
  let taken = NONE;
  while ((taken = takeRows(n)) !== NONE) {
    const shift = <usize>firstOf(taken) * p.hiddenStride;
    memory.copy(final + shift, x + shift, <usize>(lastOf(taken) - firstOf(taken)) * p.hiddenStride);
  }
  endRows(n);
  head(p, final, logitRows, logits);
}

/** Sections: x = fc([RMSNorm(x) | RMSNorm(hidden)]) + bias, fc in two halves. */
function join(p: Pass, x: usize): void {
  const branch = ptr(p.scratch, SCRATCH_BRANCH);
  addHalf(p, EAGLE_FC_EMBED, x, EAGLE_EMBED_NORM, branch, false);
  addHalf(p, EAGLE_FC_HIDDEN, ptr(p.model, EAGLE_HIDDEN), EAGLE_HIDDEN_NORM, branch, true);
  const bias = ptr(p.model, EAGLE_FC_BIAS);
  let taken = NONE;
  while ((taken = takeRows(p.n)) !== NONE) {
    for (let t = firstOf(taken); t < lastOf(taken); t++) {
      const row = x + <usize>t * p.hiddenStride;
      memory.copy(row, branch + <usize>t * p.hiddenStride, p.hiddenStride);
      addScaled(row, bias, p.hidden, 1);
    }
  }
  endRows(p.n);
}

/** Sections: out = matrix RMSNorm(rows), or +=; `matrix` and `norm` are fields of the descriptor. */
function addHalf(p: Pass, matrix: i32, rows: usize, norm: i32, out: usize, accumulate: bool): void {
  normRows(p, rows, ptr(p.model, norm), float(p.model, MODEL_RMS_EPS), p.input.x);
  prepare(p.input, int(p.model, matrix + MATRIX_TYPE), p.n, p.hidden);
  share(p, p.model + matrix, p.input, p.n, out, p.hiddenStride, accumulate);
  end();
}

/**
 * Turns a row of logits into log-probabilities over that row and finds the k largest: indices (i32) and values (f32), descending,
 * equal values by ascending index. `temporary` has room for the row. Returns how many there are, min(k, count); 0 for NaN.
 */
export function logSoftmaxTopK(x: usize, count: i32, k: i32, temporary: usize, indices: usize, values: usize): i32 {
  const best = argmax(x, count);
  if (best < 0) return 0;
  const largest = load<f32>(x + (best << 2));
  memory.copy(temporary, x, (<usize>count) << 2);
  softmax(temporary, count);
  // The largest logit's probability is 1 / sum(exp(x - largest)).
  const shift = <f32>NativeMath.log(load<f32>(temporary + (best << 2)));
  for (let i = 0; i < count; i++) store<f32>(x + (i << 2), load<f32>(x + (i << 2)) - largest + shift);
  return topK(x, count, k, indices, values);
}
