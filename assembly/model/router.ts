import {
  ACTIVATION_RELU,
  EXPERT_BIAS_NONE,
  EXPERT_BIAS_RMS,
  ROUTER_BLOCK,
  ROUTER_NORM_RMS,
  ROUTER_NORM_SCALE,
  ROUTER_NORM_STANDARD,
  ROUTER_NORM_SUM,
  ROUTER_RELU,
  ROUTER_TOPK,
  ROUTER_TOPP,
} from "../../core/layout/kinds";
import { MATRIX_TYPE } from "../../core/layout/matrix";
import {
  LAYER_EXPERT_BIAS,
  LAYER_ROUTER,
  LAYER_ROUTER_NORM,
  MODEL_EXPERT_BIAS,
  MODEL_EXPERTS,
  MODEL_EXPERT_TYPE,
  MODEL_NORM_SCALE,
  MODEL_RMS_EPS,
  MODEL_ROUTER,
  MODEL_ROUTER_ACTIVATION,
  MODEL_ROUTER_NORM,
  MODEL_SCRATCH,
  MODEL_TOP_K,
  MODEL_TOP_P,
} from "../../core/layout/model";
import { SCRATCH_ROUTER_RAW, SCRATCH_ROUTING } from "../../core/layout/scratch";
import { rmsNorm, scale, softmax } from "../kernels";
import { exp } from "../kernels/math";
import { Activations } from "../kernels/product";
import { activation } from "./activation";
import { float, int, ptr } from "./descriptor";
import { prepare, project, quantizeRows, sameRows } from "./matrix";
import { innerRows, Pass } from "./pass";
import { endRows, firstOf, lastOf, NONE, takeRows } from "../team";

/** u32 words of one token's expert mask. */
// @ts-ignore: decorator
@inline
export function activeWords(experts: i32): i32 {
  return (experts + 31) >> 5;
}

/** The branch's rows for the router: quantised beside `p.input`'s where the experts' weights take another form. */
function routerRows(p: Pass, layer: usize): Activations {
  const type = int(layer, LAYER_ROUTER + MATRIX_TYPE);
  return sameRows(type, int(p.model, MODEL_EXPERT_TYPE)) ? p.input : innerRows(p, p.input.x, p.hiddenStride);
}

/** Quantises rows first..first + n - 1 of `p.input` for the router; nothing to do where it takes them as the experts do. */
export function prepareRouter(p: Pass, layer: usize, first: i32, n: i32): void {
  const rows = routerRows(p, layer);
  if (rows !== p.input) quantizeRows(rows, int(layer, LAYER_ROUTER + MATRIX_TYPE), first, n, p.hidden);
}

/** Section: the same for all rows, behind a shared network, whose hidden rows took the place of the router's. */
export function prepareRouterAnew(p: Pass, layer: usize): void {
  const rows = routerRows(p, layer);
  if (rows !== p.input) prepare(rows, int(layer, LAYER_ROUTER + MATRIX_TYPE), p.n, p.hidden);
}

/** Scores [n, experts] and active-expert masks [n, words] of the call's rows. An expert that is not active has score 0. */
export function route(p: Pass, layer: usize, index: i32, scores: usize, stride: usize, active: usize): void {
  const experts = int(p.model, MODEL_EXPERTS);
  const words = activeWords(experts);
  const raw = ptr(p.scratch, SCRATCH_ROUTER_RAW);
  const routing = ptr(ptr(p.model, MODEL_SCRATCH), SCRATCH_ROUTING);
  project(p, layer + LAYER_ROUTER, routerRows(p, layer), raw, stride);
  let taken = NONE;
  while ((taken = takeRows(p.n)) !== NONE) {
    for (let t = firstOf(taken); t < lastOf(taken); t++) {
      const s = scores + <usize>t * stride;
      const mask = active + ((t * words) << 2);
      choose(p, layer, raw + <usize>t * stride, s, stride, mask);
      if (routing !== 0) imposeRouting(experts, routing + <usize>(((index * p.n + t) * words) << 2), s, mask);
    }
  }
  endRows(p.n);
}

/** Scores and active experts of a row, from its raw scores. */
function choose(p: Pass, layer: usize, raw: usize, s: usize, stride: usize, mask: usize): void {
  const experts = int(p.model, MODEL_EXPERTS);
  const kind = int(p.model, MODEL_ROUTER);
  memory.fill(mask, 0, activeWords(experts) << 2);
  memory.copy(s, raw, stride);
  if (kind === ROUTER_BLOCK || kind === ROUTER_RELU) {
    activateScores(p, s, experts);
    if (int(p.model, MODEL_EXPERT_BIAS) !== EXPERT_BIAS_NONE) applyBias(p, layer, raw, s, experts);
    // What the norm makes of a score may be 0, or not 0 where the score was: either way the expert counts.
    markActive(s, mask, experts);
    if (kind === ROUTER_BLOCK) normScores(p, layer, s, experts);
    markActive(s, mask, experts);
  } else if (kind === ROUTER_TOPK) {
    softmax(s, experts);
    pickTop(s, mask, experts, int(p.model, MODEL_TOP_K), 2);
    keepActive(s, mask, experts, true);
  } else if (kind === ROUTER_TOPP) {
    softmax(s, experts);
    pickTop(s, mask, experts, experts, float(p.model, MODEL_TOP_P));
    keepActive(s, mask, experts, true);
  } else {
    sparseMixer(raw, s, mask, experts, int(p.model, MODEL_TOP_K));
  }
}

/**
 * Replaces what the router chose for a token: the experts of `routing` [words] are active, each with score 1 / their number; the others
 * are not.
 */
function imposeRouting(experts: i32, routing: usize, s: usize, mask: usize): void {
  const words = activeWords(experts);
  memory.copy(mask, routing, words << 2);
  let count = 0;
  for (let w = 0; w < words; w++) count += <i32>popcnt<u32>(load<u32>(mask + (w << 2)));
  const score = <f32>1 / <f32>max(count, 1);
  for (let e = 0; e < experts; e++) store<f32>(s + (e << 2), isActive(mask, e) ? score : 0);
}

function activateScores(p: Pass, s: usize, experts: i32): void {
  const kind = int(p.model, MODEL_ROUTER) === ROUTER_BLOCK ? int(p.model, MODEL_ROUTER_ACTIVATION) : ACTIVATION_RELU;
  for (let e = 0; e < experts; e++) store<f32>(s + (e << 2), activation(kind, load<f32>(s + (e << 2))));
}

/** Takes away experts whose raw score with their bias is not above 0. The bias changes the choice alone, never a score. */
function applyBias(p: Pass, layer: usize, raw: usize, s: usize, experts: i32): void {
  const bias = ptr(layer, LAYER_EXPERT_BIAS);
  let unit: f32 = 1;
  if (int(p.model, MODEL_EXPERT_BIAS) === EXPERT_BIAS_RMS) {
    let sum: f32 = 0;
    for (let e = 0; e < experts; e++) sum += load<f32>(raw + (e << 2)) * load<f32>(raw + (e << 2));
    unit = sqrt<f32>(sum / <f32>experts);
  }
  for (let e = 0; e < experts; e++) {
    if (!(load<f32>(raw + (e << 2)) + load<f32>(bias + (e << 2)) * unit > 0)) store<f32>(s + (e << 2), 0);
  }
}

function markActive(s: usize, mask: usize, experts: i32): void {
  for (let e = 0; e < experts; e++) if (load<f32>(s + (e << 2)) !== 0) setActive(mask, e);
}

/** A block router's norm: over all experts, by the sum, a multiply alone, or nothing. But for the standard one, zeros stay zeros. */
function normScores(p: Pass, layer: usize, s: usize, experts: i32): void {
  const kind = int(p.model, MODEL_ROUTER_NORM);
  if (kind === ROUTER_NORM_RMS) {
    rmsNorm(s, ptr(layer, LAYER_ROUTER_NORM), experts, float(p.model, MODEL_RMS_EPS), s);
  } else if (kind === ROUTER_NORM_SUM) {
    let sum: f32 = 0;
    for (let e = 0; e < experts; e++) sum += load<f32>(s + (e << 2));
    scale(s, experts, <f32>1 / (sum * float(p.model, MODEL_NORM_SCALE) + <f32>1e-5), s);
  } else if (kind === ROUTER_NORM_SCALE || kind === ROUTER_NORM_STANDARD) {
    if (kind === ROUTER_NORM_STANDARD) standardise(s, experts, float(p.model, MODEL_RMS_EPS));
    const weight = ptr(layer, LAYER_ROUTER_NORM);
    for (let e = 0; e < experts; e++) store<f32>(s + (e << 2), load<f32>(s + (e << 2)) * load<f32>(weight + (e << 2)));
  }
}

/** Takes the mean off and divides by the standard deviation. */
function standardise(s: usize, experts: i32, eps: f32): void {
  let sum: f32 = 0;
  for (let e = 0; e < experts; e++) sum += load<f32>(s + (e << 2));
  const mean = sum / <f32>experts;
  let squares: f32 = 0;
  for (let e = 0; e < experts; e++) {
    const centred = load<f32>(s + (e << 2)) - mean;
    store<f32>(s + (e << 2), centred);
    squares += centred * centred;
  }
  scale(s, experts, <f32>1 / sqrt<f32>(squares / <f32>experts + eps), s);
}

// @ts-ignore: decorator
@inline
function isActive(mask: usize, e: i32): bool {
  return ((load<u32>(mask + ((e >> 5) << 2)) >> (e & 31)) & 1) !== 0;
}

// @ts-ignore: decorator
@inline
function setActive(mask: usize, e: i32): void {
  const word = mask + ((e >> 5) << 2);
  store<u32>(word, load<u32>(word) | ((<u32>1) << (e & 31)));
}

/** Largest score that is not picked yet; -1 when none is left. */
function nextTop(s: usize, mask: usize, experts: i32): i32 {
  let best = -1;
  let peak: f32 = -Infinity;
  for (let e = 0; e < experts; e++) {
    const v = load<f32>(s + (e << 2));
    if (!isActive(mask, e) && v > peak) {
      peak = v;
      best = e;
    }
  }
  return best;
}

/** Picks the `k` largest, ending early with the first whose cumulative probability passes `p` (it is kept). */
function pickTop(s: usize, mask: usize, experts: i32, k: i32, p: f32): void {
  let sum: f32 = 0;
  for (let i = 0; i < k; i++) {
    const e = nextTop(s, mask, experts);
    if (e < 0) return;
    setActive(mask, e);
    sum += load<f32>(s + (e << 2));
    if (sum > p) return;
  }
}

/** Zeroes the scores that are not active and, if asked, makes the others sum to 1. */
function keepActive(s: usize, mask: usize, experts: i32, renormalise: bool): void {
  let sum: f32 = 0;
  for (let e = 0; e < experts; e++) {
    if (isActive(mask, e)) sum += load<f32>(s + (e << 2));
    else store<f32>(s + (e << 2), 0);
  }
  if (renormalise) scale(s, experts, <f32>1 / sum, s);
}

/**
 * SparseMixer-v2 at inference (GRIN, arXiv 2409.12136): each pick's weight is its softmax among the experts not picked yet whose
 * score s has (max - s) / max(|s|, max) <= 2 * jitter; jitter 0.1. Weights are not renormalised over the picks.
 */
function sparseMixer(raw: usize, s: usize, mask: usize, experts: i32, k: i32): void {
  memory.fill(s, 0, experts << 2);
  for (let i = 0; i < k; i++) {
    const best = nextTop(raw, mask, experts);
    if (best < 0) return;
    const peak = load<f32>(raw + (best << 2));
    let sum: f32 = 0;
    for (let e = 0; e < experts; e++) {
      const v = load<f32>(raw + (e << 2));
      if (isActive(mask, e) || (peak - v) / max<f32>(abs<f32>(v), peak) > 0.2) continue;
      sum += exp(v - peak);
    }
    setActive(mask, best);
    store<f32>(s + (best << 2), <f32>1 / sum);
  }
}
