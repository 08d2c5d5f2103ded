import {
  LAYER_EXPERTS, MODEL_EXPERTS, MODEL_EXPERT_SIZE, MODEL_EXPERT_STRIDE, MODEL_EXPERT_TYPE, MODEL_FFN_DENSE, PANEL_ROWS, SCRATCH_ACTIVE,
  SCRATCH_BRANCH, SCRATCH_PICKED, SCRATCH_ROUTER, SCRATCH_UNION,
} from "../layout";
import { siluScale } from "../kernels";
import { int, padded, ptr } from "./descriptor";
import { matrixBytes, multiply, panelGrain, panels, quantizeRows } from "./matrix";
import { pairRows, Pass } from "./pass";
import { activeWords, route } from "./router";
import { end, from, take, to } from "./team";

/**
 * Sections: the routed experts, sum over active experts e, ascending, of score_e * down_e(silu(up_e(x))), into SCRATCH_BRANCH or, if
 * `add`, onto what it holds. The union of the chunk's active experts is walked, in one section for the ways up and in one for those
 * down; each expert is read once and computed only for the tokens that chose it.
 * An inactive expert contributes exactly 0, so skipping it changes nothing (BlockFFN, arXiv 2507.08771, section 3).
 */
export function experts(p: Pass, layer: usize, index: i32, add: bool): void {
  const count = int(p.model, MODEL_EXPERTS);
  const words = activeWords(count);
  const active = ptr(p.scratch, SCRATCH_ACTIVE) + ((index * p.n * words) << 2);
  const scores = ptr(p.scratch, SCRATCH_ROUTER);
  route(p, layer, scores, <usize>padded(count) << 2, active);
  const picked = pick(p, active, words, count);
  const weights = ptr(layer, LAYER_EXPERTS);
  while (take(picked, 1)) for (let i = from; i < to; i++) up(p, weights, i, scores);
  end();
  down(p, weights, picked, add);
}

/** Lists the union of the chunk's experts with the tokens of each, as each thread needs it; returns how many they are. */
function pick(p: Pass, active: usize, words: i32, count: i32): i32 {
  const all = int(p.model, MODEL_FFN_DENSE) !== 0;
  const tokens = ptr(p.scratch, SCRATCH_PICKED);
  let entry = ptr(p.scratch, SCRATCH_UNION);
  let pairs = 0;
  let picked = 0;
  for (let e = 0; e < count; e++) {
    const start = pairs;
    for (let t = 0; t < p.n; t++) {
      const on = (load<u32>(active + ((t * words + (e >> 5)) << 2)) >> (e & 31)) & 1;
      if (on || all) store<u32>(tokens + (pairs++ << 2), t);
    }
    if (pairs === start) continue;
    store<u32>(entry, e);
    store<u32>(entry, start, 4);
    entry += 8;
    picked++;
  }
  store<u32>(entry, pairs, 4);
  return picked;
}

/** score * silu(up(x)) of expert i of the union, for its tokens, quantised for the way down. */
function up(p: Pass, weights: usize, i: i32, scores: usize): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const type = int(p.model, MODEL_EXPERT_TYPE);
  const entry = ptr(p.scratch, SCRATCH_UNION) + (i << 3);
  const e = load<u32>(entry);
  const start = load<u32>(entry, 4);
  const n = load<u32>(entry, 12) - start;
  const tokens = ptr(p.scratch, SCRATCH_PICKED) + (start << 2);
  const scoreStride = <usize>padded(int(p.model, MODEL_EXPERTS)) << 2;
  const rows = pairRows(p, start);
  multiply(type, weights + <usize>e * ptr(p.model, MODEL_EXPERT_STRIDE), size, p.hidden, p.input, tokens, n, rows.x, rows.xStride, p.iota, false);
  for (let k: u32 = 0; k < n; k++) {
    const t = <usize>load<u32>(tokens + (k << 2));
    siluScale(rows.x + <usize>k * rows.xStride, size, load<f32>(scores + t * scoreStride + (e << 2)));
  }
  quantizeRows(rows, type, 0, n, size);
}

/** Section: the ways down. Whoever takes output panels adds all experts to them, in ascending order. */
function down(p: Pass, weights: usize, picked: i32, add: bool): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const type = int(p.model, MODEL_EXPERT_TYPE);
  const stride = ptr(p.model, MODEL_EXPERT_STRIDE);
  const union = ptr(p.scratch, SCRATCH_UNION);
  const tokens = ptr(p.scratch, SCRATCH_PICKED);
  const branch = ptr(p.scratch, SCRATCH_BRANCH);
  const upBytes = matrixBytes(type, size, p.hidden);
  const grain = panelGrain(type, size, max(<i32>load<u32>(union + (picked << 3), 4), 1));
  while (take(panels(p.hidden), grain)) {
    const first = from * PANEL_ROWS;
    const rows = min(p.hidden, to * PANEL_ROWS) - first;
    const out = branch + (<usize>first << 2);
    const shift = upBytes + matrixBytes(type, first, size);
    if (!add) for (let t = 0; t < p.n; t++) memory.fill(out + <usize>t * p.hiddenStride, 0, <usize>(to - from) * (PANEL_ROWS * 4));
    for (let i = 0; i < picked; i++) {
      const entry = union + (i << 3);
      const start = load<u32>(entry, 4);
      const n = load<u32>(entry, 12) - start;
      const w = weights + <usize>load<u32>(entry) * stride + shift;
      multiply(type, w, rows, size, pairRows(p, start), p.iota, n, out, p.hiddenStride, tokens + (start << 2), true);
    }
  }
  end();
}
