import { FFN_KIND_DENSE } from "../../core/layout/kinds";
import { MATRIX_COLS, MATRIX_TYPE, PANEL_ROWS } from "../../core/layout/matrix";
import {
  LAYER_DOWN,
  LAYER_FFN,
  LAYER_GATE,
  LAYER_UP,
  MODEL_EXPERTS,
  MODEL_EXPERT_TYPE,
  MODEL_FFN_GATED,
  MODEL_FFN_SIZE,
  MODEL_SHARED_GATED,
  MODEL_SHARED_SIZE,
} from "../../core/layout/model";
import { SCRATCH_ACTIVE, SCRATCH_BRANCH, SCRATCH_GATE, SCRATCH_UP } from "../../core/layout/scratch";
import { siluMul, siluScale } from "../kernels";
import { int, padded, ptr } from "./descriptor";
import { experts } from "./experts";
import { multiplyRows, panelGrain, panels, prepare, project, quantizeRows } from "./matrix";
import { innerRows, Pass } from "./pass";
import { activeWords, prepareRouter, prepareRouterAnew } from "./router";
import { end, firstOf, lastOf, NONE, take, threadIndex } from "../team";

/** Quantises rows first..first + n - 1 of `p.input` for the branch's first products. */
export function prepareFfn(p: Pass, layer: usize, first: i32, n: i32): void {
  const dense = isDense(layer);
  quantizeRows(p.input, dense ? int(layer, LAYER_UP + MATRIX_TYPE) : int(p.model, MODEL_EXPERT_TYPE), first, n, p.hidden);
  if (!dense && int(p.model, MODEL_SHARED_SIZE) === 0) prepareRouter(p, layer, first, n);
}

/** Whether a layer has one network for every token, in models with experts too. */
// @ts-ignore: decorator
@inline
export function isDense(layer: usize): bool {
  return int(layer, LAYER_FFN) === FFN_KIND_DENSE;
}

/** A dense layer among others with experts has no active one. The calling thread's masks are what the host reads. */
function clearActive(p: Pass, index: i32): void {
  const words = activeWords(int(p.model, MODEL_EXPERTS));
  if (words === 0 || threadIndex() !== 0) return;
  memory.fill(ptr(p.scratch, SCRATCH_ACTIVE) + <usize>((index * p.n * words) << 2), 0, <usize>((p.n * words) << 2));
}

/** The feed-forward branch: reads `p.input`, by prepareFfn, leaves its output in SCRATCH_BRANCH. */
export function ffn(p: Pass, layer: usize, index: i32): void {
  if (isDense(layer)) {
    clearActive(p, index);
    denseFfn(p, layer, int(p.model, MODEL_FFN_SIZE), int(p.model, MODEL_FFN_GATED) !== 0);
    return;
  }
  const shared = int(p.model, MODEL_SHARED_SIZE);
  if (shared > 0) {
    denseFfn(p, layer, shared, int(p.model, MODEL_SHARED_GATED) !== 0);
    prepareRouterAnew(p, layer);
  }
  experts(p, layer, index, shared > 0);
}

/** Sections: down(silu(gate(x)) * up(x)) (SwiGLU, arXiv 2002.05202), or down(silu(up(x))) without a gate. */
function denseFfn(p: Pass, layer: usize, size: i32, gated: bool): void {
  const stride = (<usize>padded(size)) << 2;
  const up = ptr(p.scratch, SCRATCH_UP);
  const gate = ptr(p.scratch, SCRATCH_GATE);
  const grain = panelGrain(int(layer, LAYER_UP + MATRIX_TYPE), int(layer, LAYER_UP + MATRIX_COLS), gated ? 2 * p.n : p.n);
  let taken = NONE;
  while ((taken = take(panels(size), grain)) !== NONE) {
    const first = firstOf(taken) * PANEL_ROWS;
    const rows = min(size, lastOf(taken) * PANEL_ROWS) - first;
    multiplyRows(p, layer + LAYER_UP, first, rows, p.input, p.n, up, stride, false);
    if (gated) multiplyRows(p, layer + LAYER_GATE, first, rows, p.input, p.n, gate, stride, false);
    for (let t = 0; t < p.n; t++) {
      const at = <usize>t * stride + ((<usize>first) << 2);
      if (gated) siluMul(gate + at, up + at, rows);
      else siluScale(up + at, rows, 1);
    }
  }
  end();
  const hidden = innerRows(p, up, stride);
  prepare(hidden, int(layer, LAYER_DOWN + MATRIX_TYPE), p.n, size);
  project(p, layer + LAYER_DOWN, hidden, ptr(p.scratch, SCRATCH_BRANCH), p.hiddenStride);
}
