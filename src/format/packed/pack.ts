import { PANEL_ROWS } from "../../../assembly/layout.ts";
import { matrixBytes, panelBytes, type WeightType } from "../../architecture/panel.ts";
import type { Part, VectorPart, WeightPlan } from "../../architecture/plan.ts";
import { packPanel } from "./quantize.ts";
import type { CheckpointWeights, RowReader } from "../hf/weights.ts";

/** Takes packed bytes at an offset of the weight plan; offsets ascend. */
export type WeightSink = (offset: number, bytes: Uint8Array) => void | Promise<void>;

/** Rows read at a time: enough for few reads, few enough to stay small. */
const ROWS_AT_ONCE = 16 * PANEL_ROWS;

/** Quantises and lays out every part of a plan, into a file or straight into linear memory. */
export async function packWeights(
  plan: WeightPlan, weights: CheckpointWeights, sink: WeightSink, onProgress?: (done: number, total: number) => void,
): Promise<void> {
  for (const part of plan.parts) {
    await packPart(part, weights, sink);
    onProgress?.(part.offset + part.bytes, plan.bytes);
  }
}

async function packPart(part: Part, weights: CheckpointWeights, sink: WeightSink): Promise<void> {
  if (part.kind === "vector") {
    await sink(part.offset, packVector(part, await weights.vector(part)));
    return;
  }
  if (part.kind === "matrix") {
    const bytes = matrixBytes(part.type, part.rows, part.cols);
    for (let i = 0; i < part.count; i++) await packMatrix(part.type, weights.matrix(part, i), part.rows, part.cols, part.offset + i * bytes, sink);
    return;
  }
  const { type, size, hidden, stride } = part;
  for (let e = 0; e < part.experts; e++) {
    const { up, down } = weights.expert(part, e);
    const offset = part.offset + e * stride;
    await packMatrix(type, up, size, hidden, offset, sink);
    await packMatrix(type, down, hidden, size, offset + matrixBytes(type, size, hidden), sink);
  }
}

/** A vector, padded with zeros to whole panels. */
export function packVector(part: VectorPart, values: Float32Array): Uint8Array {
  const padded = new Float32Array(part.bytes / 4);
  padded.set(values);
  return new Uint8Array(padded.buffer);
}

/** Packs rows in panels, some at a time. */
export async function packMatrix(type: WeightType, read: RowReader, rows: number, cols: number, offset: number, sink: WeightSink): Promise<void> {
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
