import { MODEL_EXPERTS } from "../../core/layout/model";
import { SCRATCH_ROUTER, SCRATCH_ROUTER_RAW, SCRATCH_TAPS, TAP_ROUTER_RAW, TAP_ROUTER_SCORE } from "../../core/layout/scratch";
import { int, padded, ptr } from "./descriptor";
import { Pass } from "./pass";
import { threadIndex } from "../team";

// Copies of what the pass computed on the way, for tests and tools. Off unless the host sets SCRATCH_TAPS. The calling thread makes them.

/** Copies n hidden-sized rows into a tap's [layers, n, hidden]. */
export function tapRows(p: Pass, tap: i32, layer: i32, rows: usize): void {
  copyRows(p, tap, layer, rows, p.hidden, p.hiddenStride);
}

/** Copies router scores into their taps; those of a dense layer are what was left there. */
export function tapRouter(p: Pass, layer: i32): void {
  const experts = int(p.model, MODEL_EXPERTS);
  const stride = (<usize>padded(experts)) << 2;
  copyRows(p, TAP_ROUTER_RAW, layer, ptr(p.scratch, SCRATCH_ROUTER_RAW), experts, stride);
  copyRows(p, TAP_ROUTER_SCORE, layer, ptr(p.scratch, SCRATCH_ROUTER), experts, stride);
}

function copyRows(p: Pass, tap: i32, layer: i32, rows: usize, width: i32, stride: usize): void {
  const taps = ptr(p.scratch, SCRATCH_TAPS);
  if (taps === 0 || threadIndex() !== 0) return;
  const target = ptr(taps, tap);
  if (target === 0) return;
  const bytes = (<usize>width) << 2;
  for (let t = 0; t < p.n; t++) memory.copy(target + <usize>(layer * p.n + t) * bytes, rows + <usize>t * stride, bytes);
}
