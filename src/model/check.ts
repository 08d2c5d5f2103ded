import { FormatError } from "../errors.ts";
import type { ModelInstance } from "./instance.ts";
import { F32, matrixBytes, panelBytes, scaleGroups, type WeightType } from "./panel.ts";
import type { Part } from "./plan.ts";

/**
 * Looks through the weights of a packed model for values that no training leaves: NaN and infinity, in f32 weights and in the
 * scales of quantised blocks (integer weights have none). Goes along while the weights are read.
 */
export class WeightCheck {
  readonly #model: ModelInstance;
  #next = 0;

  constructor(model: ModelInstance) {
    this.#model = model;
  }

  /** Checks the parts that end at or before `bytes` of the plan, each once. @throws FormatError naming the tensor. */
  upTo(bytes: number): void {
    const { plan, name } = this.#model;
    for (let part = plan.parts[this.#next]; part !== undefined && part.offset + part.bytes <= bytes; part = plan.parts[++this.#next]) {
      if (!finite(this.#model, part)) throw new FormatError("holds NaN or infinite weights", { file: name, field: part.name });
    }
  }
}

function finite(model: ModelInstance, part: Part): boolean {
  const at = model.addresses.weights + part.offset;
  if (part.kind === "vector") return finiteFloats(model, at, part.bytes);
  if (part.kind === "matrix") {
    const bytes = matrixBytes(part.type, part.rows, part.cols);
    for (let i = 0; i < part.count; i++) if (!finiteMatrix(model, at + i * bytes, part.type, part.rows, part.cols)) return false;
    return true;
  }
  const { type, size, hidden } = part;
  const up = matrixBytes(type, size, hidden);
  for (let e = 0; e < part.experts; e++) {
    const expert = at + e * part.stride;
    if (!finiteMatrix(model, expert, type, size, hidden) || !finiteMatrix(model, expert + up, type, hidden, size)) return false;
  }
  return true;
}

function finiteMatrix(model: ModelInstance, at: number, type: WeightType, rows: number, cols: number): boolean {
  const bytes = matrixBytes(type, rows, cols);
  if (type === F32) return finiteFloats(model, at, bytes);
  const { count, stride } = scaleGroups(type, cols);
  const panel = panelBytes(type, cols);
  return model.engine.exports.finiteScales(at, bytes / panel, panel, count, stride) !== 0;
}

function finiteFloats(model: ModelInstance, at: number, bytes: number): boolean {
  return model.engine.exports.finiteFloats(at, bytes / 4) !== 0;
}
