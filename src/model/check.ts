import { Q4_BLOCK_BYTES, Q8_BLOCK_BYTES } from "../../assembly/layout.ts";
import { FormatError } from "../errors.ts";
import type { ModelInstance } from "./instance.ts";
import { F32, matrixBytes, Q8, type WeightType } from "./panel.ts";
import type { Part } from "./plan.ts";

/**
 * Looks through the weights of a packed model for values that no training leaves: NaN and infinity, in f32 weights and in the
 * scales of quantised blocks (integer weights have none).
 * @throws FormatError naming the tensor.
 */
export function checkWeights(model: ModelInstance): void {
  for (const part of model.plan.parts) {
    if (!finite(model, part)) throw new FormatError("holds NaN or infinite weights", { file: model.name, field: part.name });
  }
}

function finite(model: ModelInstance, part: Part): boolean {
  const at = model.addresses.weights + part.offset;
  if (part.kind === "vector") return finiteFloats(model, at, part.bytes);
  if (part.kind === "matrix") return finiteMatrix(model, at, part.type, part.count * matrixBytes(part.type, part.rows, part.cols));
  const { type, size, hidden } = part;
  const up = matrixBytes(type, size, hidden);
  const down = matrixBytes(type, hidden, size);
  for (let e = 0; e < part.experts; e++) {
    if (!finiteMatrix(model, at + e * part.stride, type, up + down)) return false;
  }
  return true;
}

function finiteMatrix(model: ModelInstance, at: number, type: WeightType, bytes: number): boolean {
  if (type === F32) return finiteFloats(model, at, bytes);
  const stride = type === Q8 ? Q8_BLOCK_BYTES : Q4_BLOCK_BYTES;
  return model.engine.exports.finiteScales(at, bytes / stride, stride) !== 0;
}

function finiteFloats(model: ModelInstance, at: number, bytes: number): boolean {
  return model.engine.exports.finiteFloats(at, bytes / 4) !== 0;
}

