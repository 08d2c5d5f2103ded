import {
  LAYER_EXPERTS, MODEL_EXPERTS, MODEL_EXPERT_SIZE, MODEL_EXPERT_STRIDE, MODEL_EXPERT_TYPE, MODEL_FFN_DENSE, PANEL_ROWS, SCRATCH_ACTIVE,
  SCRATCH_BRANCH, SCRATCH_EXPERT_ROWS, SCRATCH_EXPERT_ROWS_MAX, SCRATCH_PICKED, SCRATCH_ROUTER, SCRATCH_UNION,
} from "../layout";
import { addScaled, siluScale } from "../kernels";
import { int, padded, ptr } from "./descriptor";
import { matrixBytes, multiply, panels, quantizeRows } from "./matrix";
import { pairRows, Pass } from "./pass";
import { activeWords, route } from "./router";
import { end, from, take, teamSize, to } from "./team";

/** Whole experts are dealt out when there are so many for each thread: with fewer, some would wait long for the last. */
const EXPERTS_A_THREAD = 4;

/**
 * Sections: the routed experts, sum over active experts e, ascending, of score_e * down_e(silu(up_e(x))), into SCRATCH_BRANCH or, if
 * `add`, onto what it holds. The union of the chunk's active experts is walked once; each is read once and computed only for the tokens
 * that chose it, its way up and down in one go, as they lie in memory: each run begins with a wait for memory. Several threads keep what each
 * expert adds and sum it up afterwards, in the same order; where that would take too much room, they share the ways up, then those down.
 * An inactive expert contributes exactly 0, so skipping it changes nothing (BlockFFN, arXiv 2507.08771, section 3).
 */
export function experts(p: Pass, layer: usize, index: i32, add: bool): void {
  const count = int(p.model, MODEL_EXPERTS);
  const words = activeWords(count);
  const active = ptr(p.scratch, SCRATCH_ACTIVE) + ((index * p.n * words) << 2);
  const scores = ptr(p.scratch, SCRATCH_ROUTER);
  route(p, layer, index, scores, <usize>padded(count) << 2, active);
  const picked = pick(p, active, words, count);
  const weights = ptr(layer, LAYER_EXPERTS);
  const out = panels(p.hidden);
  if (teamSize() === 1) {
    if (!add) clear(p, 0, out);
    for (let i = 0; i < picked; i++) {
      up(p, weights, i, 0, scores);
      down(p, weights, i, 0, 0, out, ptr(p.scratch, SCRATCH_BRANCH), ptr(p.scratch, SCRATCH_PICKED) + (<usize>tokensOf(p, i) << 2), true);
    }
    return;
  }
  if (picked >= EXPERTS_A_THREAD * teamSize() && tokensOf(p, picked) <= int(p.scratch, SCRATCH_EXPERT_ROWS_MAX)) {
    while (take(picked, 1)) {
      for (let i = from; i < to; i++) {
        const start = tokensOf(p, i);
        up(p, weights, i, start, scores);
        down(p, weights, i, start, 0, out, ptr(p.scratch, SCRATCH_EXPERT_ROWS) + <usize>start * p.hiddenStride, p.iota, false);
      }
    }
    end();
    sumUp(p, picked, out, add);
    return;
  }
  while (take(picked, 1)) for (let i = from; i < to; i++) up(p, weights, i, tokensOf(p, i), scores);
  end();
  // Whoever takes output panels adds all experts to them, in ascending order: in few runs, for each begins every expert's matrix anew.
  while (take(out, (out + teamSize() - 1) / teamSize())) {
    if (!add) clear(p, from, to);
    for (let i = 0; i < picked; i++) {
      const start = tokensOf(p, i);
      down(p, weights, i, start, from, to, ptr(p.scratch, SCRATCH_BRANCH), ptr(p.scratch, SCRATCH_PICKED) + (<usize>start << 2), true);
    }
  }
  end();
}

/** Section: the tokens' sums over SCRATCH_EXPERT_ROWS, experts ascending. */
function sumUp(p: Pass, picked: i32, out: i32, add: bool): void {
  const branch = ptr(p.scratch, SCRATCH_BRANCH);
  while (take(out, (out + teamSize() - 1) / teamSize())) {
    if (!add) clear(p, from, to);
    const shift = <usize>(from * PANEL_ROWS) << 2;
    const cols = min(p.hidden, to * PANEL_ROWS) - from * PANEL_ROWS;
    let row = ptr(p.scratch, SCRATCH_EXPERT_ROWS) + shift;
    for (let pair = 0, pairs = tokensOf(p, picked); pair < pairs; pair++) {
      const t = <usize>load<u32>(ptr(p.scratch, SCRATCH_PICKED) + (pair << 2));
      addScaled(branch + t * p.hiddenStride + shift, row, cols, 1);
      row += p.hiddenStride;
    }
  }
  end();
}

/** Zeroes output panels. */
function clear(p: Pass, first: i32, last: i32): void {
  const bytes = PANEL_ROWS << 2;
  const out = ptr(p.scratch, SCRATCH_BRANCH) + <usize>(first * bytes);
  for (let t = 0; t < p.n; t++) memory.fill(out + <usize>t * p.hiddenStride, 0, <usize>((last - first) * bytes));
}

/** Where the tokens of expert i of the union start in SCRATCH_PICKED: also the place of its hidden rows. */
// @ts-ignore: decorator
@inline
function tokensOf(p: Pass, i: i32): i32 {
  return int(ptr(p.scratch, SCRATCH_UNION) + (i << 3), 4);
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

/** score * silu(up(x)) of expert i of the union, for its tokens, quantised for the way down: hidden rows from `place` on. */
function up(p: Pass, weights: usize, i: i32, place: i32, scores: usize): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const type = int(p.model, MODEL_EXPERT_TYPE);
  const e = int(ptr(p.scratch, SCRATCH_UNION) + (i << 3), 0);
  const start = tokensOf(p, i);
  const n = tokensOf(p, i + 1) - start;
  const tokens = ptr(p.scratch, SCRATCH_PICKED) + (start << 2);
  const scoreStride = <usize>padded(int(p.model, MODEL_EXPERTS)) << 2;
  const rows = pairRows(p, place);
  multiply(type, weights + <usize>e * ptr(p.model, MODEL_EXPERT_STRIDE), size, p.hidden, p.input, tokens, n, rows.x, rows.xStride, p.iota, false);
  for (let k = 0; k < n; k++) {
    const t = <usize>load<u32>(tokens + (k << 2));
    siluScale(rows.x + <usize>k * rows.xStride, size, load<f32>(scores + t * scoreStride + (e << 2)));
  }
  quantizeRows(rows, type, 0, n, size);
}

/** The way down of expert i of the union, from its hidden rows at `place`: panels first..last - 1 of rows yi of y, or added to them. */
function down(p: Pass, weights: usize, i: i32, place: i32, first: i32, last: i32, y: usize, yi: usize, accumulate: bool): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const type = int(p.model, MODEL_EXPERT_TYPE);
  const e = int(ptr(p.scratch, SCRATCH_UNION) + (i << 3), 0);
  const start = tokensOf(p, i);
  const row = first * PANEL_ROWS;
  const w = weights + <usize>e * ptr(p.model, MODEL_EXPERT_STRIDE) + matrixBytes(type, size, p.hidden) + matrixBytes(type, row, size);
  const n = tokensOf(p, i + 1) - start;
  multiply(type, w, min(p.hidden, last * PANEL_ROWS) - row, size, pairRows(p, place), p.iota, n, y + (<usize>row << 2), p.hiddenStride, yi, accumulate);
}
