import { PANEL_ROWS } from "../../../core/layout/matrix.ts";
import { panelBytes } from "../../../core/panel.ts";
import type { Part, WeightPlan } from "../../../core/plan.ts";
import type { RowReader } from "../hf/weights.ts";
import { packPanel } from "./quantize.ts";

/** Takes packed bytes at an offset of the weight plan; offsets ascend. */
export type WeightSink = (offset: number, bytes: Uint8Array) => void | Promise<void>;

/** Gives the weights of a plan's parts as f32. */
export interface PartWeights {
  vector(part: Part): Promise<Float32Array>;
  /** Rows of the i-th matrix of a part, in the c-th of its `count`; read from multiples of a panel's rows on. */
  matrix(part: Part, i: number, c: number): RowReader;
}

/** Rows read at a time: enough for few reads, few enough to stay small. */
const ROWS_AT_ONCE = 16 * PANEL_ROWS;

/** Quantises and lays out every part of a plan, into a file or straight into linear memory. */
export async function packWeights(
  plan: WeightPlan,
  weights: PartWeights,
  sink: WeightSink,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  for (const part of plan.parts) {
    await packPart(part, weights, sink);
    onProgress?.(part.offset + part.bytes, plan.bytes);
  }
}

async function packPart(part: Part, weights: PartWeights, sink: WeightSink): Promise<void> {
  if (part.vector) {
    await sink(part.offset, packVector(part, await weights.vector(part)));
    return;
  }
  for (let c = 0; c < part.count; c++) {
    for (const [i, { rows, cols }] of part.tensors.entries()) {
      await packMatrix(part.type, weights.matrix(part, i, c), rows, cols, part.offset + c * part.stride + part.matrixOffset(i), sink);
    }
  }
}

/** A vector, padded with zeros to whole panels. */
function packVector(part: Part, values: Float32Array): Uint8Array {
  const padded = new Float32Array(part.bytes / 4);
  padded.set(values);
  return new Uint8Array(padded.buffer);
}

/** Packs rows in panels, some at a time. */
async function packMatrix(type: number, read: RowReader, rows: number, cols: number, offset: number, sink: WeightSink): Promise<void> {
  const bytes = panelBytes(type, cols);
  for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rows - first);
    const data = await read(first, count);
    const panels = Math.ceil(count / PANEL_ROWS);
    const out = new Uint8Array(panels * bytes);
    for (let p = 0; p < panels; p++) {
      const here = Math.min(PANEL_ROWS, count - p * PANEL_ROWS);
      out.set(packPanel(type, data.subarray(p * PANEL_ROWS * cols, (p * PANEL_ROWS + here) * cols), here, cols), p * bytes);
    }
    await sink(offset + (first / PANEL_ROWS) * bytes, out);
  }
}
