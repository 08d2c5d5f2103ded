import type { Quantization } from "../architecture/quantization.ts";
import { isBlockType } from "../format/dtypes.ts";
import type { TensorSource } from "../format/tensors.ts";

/** The weight type to load a checkpoint in where nobody asks for one: f32 of floats, q8 of what is in blocks of fewer bits already. */
export function defaultQuantization(tensors: TensorSource): Quantization {
  const inBlocks = tensors.names().some((name) => isBlockType(tensors.info(name)?.dtype ?? ""));
  return inBlocks ? "q8" : "f32";
}
