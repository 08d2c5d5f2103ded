import {
  LAYER_EXPERTS, MODEL_EXPERTS, MODEL_EXPERT_SIZE, MODEL_EXPERT_STRIDE, MODEL_EXPERT_TYPE, MODEL_FFN_DENSE, SCRATCH_ACTIVE, SCRATCH_BRANCH,
  SCRATCH_PICKED, SCRATCH_ROUTER, SCRATCH_UP,
} from "../layout";
import { siluScale } from "../kernels";
import { int, padded, ptr } from "./descriptor";
import { matrixBytes, multiply, prepare } from "./matrix";
import { innerRows, Pass } from "./pass";
import { activeWords, route } from "./router";

/**
 * Adds the routed experts to SCRATCH_BRANCH: sum over active experts e, ascending, of score_e * down_e(silu(up_e(x))).
 * The union of the chunk's active experts is walked once; each is read once and computed only for the tokens that chose it.
 * An inactive expert contributes exactly 0, so skipping it changes nothing (BlockFFN, arXiv 2507.08771, section 3).
 */
export function experts(p: Pass, layer: usize, index: i32): void {
  const count = int(p.model, MODEL_EXPERTS);
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const type = int(p.model, MODEL_EXPERT_TYPE);
  const stride = ptr(p.model, MODEL_EXPERT_STRIDE);
  const weights = ptr(layer, LAYER_EXPERTS);
  const upBytes = matrixBytes(type, size, p.hidden);
  const scores = ptr(p.scratch, SCRATCH_ROUTER);
  const scoreStride = <usize>padded(count) << 2;
  const words = activeWords(count);
  const active = ptr(p.scratch, SCRATCH_ACTIVE) + ((index * p.n * words) << 2);
  const picked = ptr(p.scratch, SCRATCH_PICKED);
  const h = ptr(p.scratch, SCRATCH_UP);
  const hStride = <usize>padded(size) << 2;
  const branch = ptr(p.scratch, SCRATCH_BRANCH);
  const all = int(p.model, MODEL_FFN_DENSE) !== 0;

  route(p, layer, index, scores, scoreStride, active);
  prepare(p.input, type, p.n, p.hidden);
  const rows = innerRows(p, h, hStride);
  for (let e = 0; e < count; e++) {
    let n = 0;
    for (let t = 0; t < p.n; t++) {
      const on = (load<u32>(active + ((t * words + (e >> 5)) << 2)) >> (e & 31)) & 1;
      if (on || all) store<u32>(picked + (n++ << 2), t);
    }
    if (n === 0) continue;
    const up = weights + <usize>e * stride;
    multiply(type, up, size, p.hidden, p.input, picked, n, h, hStride, p.iota, false);
    for (let i = 0; i < n; i++) {
      const t = <usize>load<u32>(picked + (i << 2));
      siluScale(h + <usize>i * hStride, size, load<f32>(scores + <usize>t * scoreStride + (e << 2)));
    }
    prepare(rows, type, n, size);
    multiply(type, up + upBytes, p.hidden, size, rows, p.iota, n, branch, p.hiddenStride, picked, true);
  }
}
