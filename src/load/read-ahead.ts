import * as L from "../../core/layout/scratch.ts";
import { PANEL_ROWS, WEIGHT_F32, WEIGHT_Q8 } from "../../core/layout/matrix.ts";
import { panelBytes } from "../../core/panel.ts";
import type { Part } from "../../core/plan.ts";
import type { Tensor } from "../../core/tensors.ts";
import { writeProduct } from "../engine/product.ts";
import type { ModelInstance } from "../engine/instance.ts";

/** Bytes of a measured slice, and how many: each half of them is read once, far more than a cache level next to the core holds. */
const SLICE_BYTES = 2 ** 20;
const SLICES = 18;
/** Reading ahead must win by this much: without it the kernels do less. */
const MARGIN = 0.97;

/**
 * Decides whether the kernels read ahead (assembly/kernels/simd/panel.ts). It speeds some processors up by a fifth and slows others down
 * by as much, so it is measured: one-token products with slices of the model's own largest matrix, in turn with and without. A model
 * whose matrices are too small for that lies in a cache, where it does not matter.
 * @param now milliseconds; a clock that stands still (Workers) leaves it off
 */
export function chooseReadAhead(model: ModelInstance, now: () => number): void {
  const { exports } = model.engine;
  exports.setReadAhead(0);
  const part = largestMatrix(model);
  if (part === undefined) return;
  const panel = panelBytes(part.type, model.config.hiddenSize);
  const rows = Math.max(1, Math.floor(SLICE_BYTES / panel)) * PANEL_ROWS;
  const bytes = (rows / PANEL_ROWS) * panel;
  if (bytes * SLICES > part.bytes) return;
  const times: [number[], number[]] = [[], []];
  for (let slice = 0; slice < SLICES; slice++) {
    const on = (slice & 1) as 0 | 1;
    exports.setReadAhead(on);
    const start = now();
    multiply(model, part, model.addresses.weights + part.offset + slice * bytes, rows);
    // The first pair warms up.
    if (slice >= 2) times[on].push(now() - start);
  }
  const [without, ahead] = times.map((values) => values.sort((a, b) => a - b)[values.length >> 1] as number) as [number, number];
  exports.setReadAhead(ahead < without * MARGIN ? 1 : 0);
}

/** The largest quantised matrix with as many columns as the hidden state and room for its rows in the logits. */
function largestMatrix(model: ModelInstance): Part | undefined {
  let best: Part | undefined;
  for (const part of model.plan.parts) {
    if (part.experts || part.count !== 1 || part.type === WEIGHT_F32) continue;
    const { rows, cols } = part.tensors[0] as Tensor;
    if (cols === model.config.hiddenSize && rows <= model.config.vocabSize && part.bytes > (best?.bytes ?? 0)) best = part;
  }
  return best;
}

function multiply(model: ModelInstance, part: Part, weights: number, rows: number): void {
  const { exports } = model.engine;
  const at = (field: number): number => model.scratchAt(field);
  const product = writeProduct(model.engine.memory, at(L.SCRATCH_ROWS), {
    w: weights,
    rows,
    cols: model.config.hiddenSize,
    q: at(L.SCRATCH_QUANT),
    scales: at(L.SCRATCH_QUANT_SCALE),
    sums: at(L.SCRATCH_QUANT_SUMS),
    xi: at(L.SCRATCH_IOTA),
    n: 1,
    y: model.logits.reserve(1),
    yStride: 0,
    yi: at(L.SCRATCH_IOTA),
  });
  if (part.type === WEIGHT_Q8) exports.matmulQ8(product);
  else exports.matmulQ4(product);
}
