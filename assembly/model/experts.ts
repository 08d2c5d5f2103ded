import { PANEL_ROWS } from "../../core/layout/matrix";
import { LAYER_EXPERTS, MODEL_EXPERTS, MODEL_FFN_DENSE } from "../../core/layout/model";
import {
  SCRATCH_ACTIVE,
  SCRATCH_BRANCH,
  SCRATCH_EXPERT_ROWS,
  SCRATCH_EXPERT_ROWS_MAX,
  SCRATCH_PICKED,
  SCRATCH_ROUTER,
  SCRATCH_UNION,
} from "../../core/layout/scratch";
import { addScaled } from "../kernels";
import { int, padded, ptr } from "./descriptor";
import { down, outOf, outRows, tokensOf, up, upAndDown, wantTurns } from "./expert";
import { panels } from "./matrix";
import { Pass } from "./pass";
import { activeWords, route } from "./router";
import { dealtUnits, end, firstOf, lastOf, NONE, take, teamSize } from "../team";

/** Whole experts are dealt out when there are so many for each thread: with fewer, some would wait long for the last. */
const EXPERTS_A_THREAD = 4;

/**
 * Sections: the routed experts, sum over active experts e, ascending, of score_e * down_e(act(up_e(x))), into SCRATCH_BRANCH or, if
 * `add`, onto what it holds. The union of the rows' active experts is walked once; each is read once and computed only for the tokens that
 * chose it, its way up and down in one go, as they lie in memory. Of several threads the one with the first experts adds them up as it
 * goes; the others keep what each expert adds, for a section that adds it in the same order. Where that would take too much room, they
 * share the ways up, then those down. An inactive expert contributes exactly 0, so skipping it changes nothing (BlockFFN, arXiv
 * 2507.08771, section 3).
 */
export function experts(p: Pass, layer: usize, index: i32, add: bool): void {
  const count = int(p.model, MODEL_EXPERTS);
  const words = activeWords(count);
  const active = ptr(p.scratch, SCRATCH_ACTIVE) + ((index * p.n * words) << 2);
  const scores = ptr(p.scratch, SCRATCH_ROUTER);
  route(p, layer, index, scores, (<usize>padded(count)) << 2, active);
  const picked = pick(p, active, words, count);
  const weights = ptr(layer, LAYER_EXPERTS);
  const turns = wantTurns(p, picked, count);
  const out = panels(p.hidden);
  if (teamSize() === 1) {
    if (!add) clear(p, 0, out);
    walk(p, layer, weights, 0, picked, turns, scores, true);
    return;
  }
  let taken = NONE;
  if (picked >= EXPERTS_A_THREAD * teamSize() && tokensOf(p, picked) <= int(p.scratch, SCRATCH_EXPERT_ROWS_MAX)) {
    while ((taken = take(picked, 1)) !== NONE) {
      if (firstOf(taken) === 0 && !add) clear(p, 0, out);
      walk(p, layer, weights, firstOf(taken), lastOf(taken), turns, scores, firstOf(taken) === 0);
    }
    end();
    sumUp(p, dealtUnits(picked, 1), picked, out);
    return;
  }
  while ((taken = take(picked, 1)) !== NONE) {
    for (let i = firstOf(taken); i < lastOf(taken); i++) up(p, layer, weights, i, tokensOf(p, i), scores);
  }
  end();
  // Whoever takes output panels adds all experts to them, in ascending order: in few runs, for each begins every expert's matrix anew.
  while ((taken = take(out, (out + teamSize() - 1) / teamSize())) !== NONE) {
    if (!add) clear(p, firstOf(taken), lastOf(taken));
    for (let i = 0; i < picked; i++) {
      const start = tokensOf(p, i);
      const tokens = ptr(p.scratch, SCRATCH_PICKED) + ((<usize>start) << 2);
      down(p, weights, i, start, firstOf(taken), lastOf(taken), ptr(p.scratch, SCRATCH_BRANCH), tokens, true);
    }
  }
  end();
}

/**
 * Experts first..last - 1 of the union, up and down: added to their tokens' rows of SCRATCH_BRANCH (`sum`), or each to rows of its own. In
 * turns, the way down of one is read beside the way up of the next.
 */
function walk(p: Pass, layer: usize, weights: usize, first: i32, last: i32, turns: bool, scores: usize, sum: bool): void {
  const out = panels(p.hidden);
  for (let i = first; i < last; i++) {
    const start = tokensOf(p, i);
    const place = turns || !sum ? start : 0;
    if (turns && i > first) upAndDown(p, layer, weights, i, scores, sum);
    else up(p, layer, weights, i, place, scores);
    if (!turns || i === last - 1) down(p, weights, i, place, 0, out, outOf(p, i, sum), outRows(p, i, sum), sum);
  }
}

/** Section: adds what experts first..picked - 1 have in SCRATCH_EXPERT_ROWS to their tokens' rows, ascending. */
function sumUp(p: Pass, first: i32, picked: i32, out: i32): void {
  const branch = ptr(p.scratch, SCRATCH_BRANCH);
  const start = tokensOf(p, first);
  let taken = NONE;
  while ((taken = take(out, (out + teamSize() - 1) / teamSize())) !== NONE) {
    const column = firstOf(taken) * PANEL_ROWS;
    const shift = (<usize>column) << 2;
    const cols = min(p.hidden, lastOf(taken) * PANEL_ROWS) - column;
    let row = ptr(p.scratch, SCRATCH_EXPERT_ROWS) + <usize>start * p.hiddenStride + shift;
    for (let pair = start, pairs = tokensOf(p, picked); pair < pairs; pair++) {
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

/** Lists the union of the rows' experts with the tokens of each, as each thread needs it; returns how many they are. */
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
