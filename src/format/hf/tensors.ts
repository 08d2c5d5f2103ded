import type { Architecture } from "../../../core/architecture.ts";
import type { Part, WeightPlan } from "../../../core/plan.ts";
import * as T from "../../../core/tensors.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { architectureOf } from "../../architecture/flat.ts";
import { planWeights } from "../../architecture/plan.ts";
import { ConfigError } from "../../errors.ts";
import { isBlockType } from "../dtypes.ts";
import { isFloatDType } from "../floats.ts";
import type { TensorSource } from "../tensors.ts";

/** A tensor of a checkpoint, with the shapes it may have. Matrices are [out, in]. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  /** May be missing, and is 0 then. */
  readonly optional: boolean;
  /** GROUP_* of core/tensors.ts. */
  readonly group: number;
}

/** What stands before a layer's number: in models, and in EAGLE heads. */
export type LayerPrefix = "model.layers." | "layers.";
export const MODEL_LAYERS: LayerPrefix = "model.layers.";
export const DRAFT_LAYERS: LayerPrefix = "layers.";

/** Name of the tensor that the i-th matrix of a part is made from. */
export function sourceName(part: Part, i: number, layers: LayerPrefix): string {
  return (part.layer < 0 ? "" : `${layers}${part.layer}.`) + (part.tensors[i] as T.Tensor).source;
}

/** Every tensor that a checkpoint of a plan has, in the order of the forward pass. */
export function expectedTensors(a: Architecture, plan: WeightPlan, layers: LayerPrefix): ExpectedTensor[] {
  const byName = new Map<string, ExpectedTensor>();
  for (const part of plan.parts) {
    for (const [i, tensor] of part.tensors.entries()) {
      if (tensor.stored === T.STORED_FIXED) continue;
      const name = sourceName(part, i, layers);
      // Both halves of one tensor are parts; the first one's place counts.
      if (!byName.has(name))
        byName.set(name, { name, shapes: shapesOf(a, tensor), optional: tensor.stored === T.STORED_OR_ZERO, group: tensor.group });
    }
  }
  return [...byName.values()];
}

/** `expectedTensors` of a model. */
export function expectedHfTensors(config: ModelConfig): ExpectedTensor[] {
  return expectedTensors(architectureOf(config), planWeights(config, "f32"), MODEL_LAYERS);
}

function shapesOf(a: Architecture, { rows, cols, count, stored, weight }: T.Tensor): number[][] {
  const stacked = [count, rows, cols];
  switch (stored) {
    // 3-D from `block`, 2-D from `block_linear`; official `block` checkpoints come out 2-D, so the shape decides.
    case T.STORED_BELOW:
      return [[count * rows, cols], stacked];
    case T.STORED_BESIDE:
      return [[rows, count * cols], stacked];
    case T.STORED_CENTRED:
      return [[count * rows, cols], stacked];
    case T.STORED_STACKED:
      return [stacked];
    case T.STORED_SCALAR:
      return [[1]];
    case T.STORED_KV_B_KEYS:
    case T.STORED_KV_B_VALUES:
      return [[a.heads * (a.nopeDim + a.valueDim), a.kvRank]];
    case T.STORED_LEFT:
    case T.STORED_RIGHT:
      return [[rows, 2 * cols]];
    default:
      return [weight === T.CLASS_VECTOR ? [rows] : [rows, cols]];
  }
}

/**
 * Checks that every tensor is there, has its shape and is F32, F16, BF16 or in blocks.
 * @throws ConfigError naming the configuration's file and the tensor.
 */
export function checkTensors(expected: Iterable<ExpectedTensor>, tensors: TensorSource, file: string): void {
  for (const { name, shapes, optional } of expected) {
    const info = tensors.info(name);
    const wanted = shapes.map((shape) => `[${shape.join(", ")}]`).join(" or ");
    if (info === undefined && optional) continue;
    if (info === undefined)
      throw new ConfigError(`${tensors.name} has no such tensor, but the configuration needs it as ${wanted}`, { file, field: name });
    if (!shapes.some((shape) => shape.length === info.shape.length && shape.every((size, d) => size === info.shape[d]))) {
      throw new ConfigError(`the configuration says ${wanted} but ${tensors.name} has [${info.shape.join(", ")}]`, { file, field: name });
    }
    if (!isFloatDType(info.dtype) && !isBlockType(info.dtype))
      throw new ConfigError(`${tensors.name} has it as ${info.dtype}; supported are F32, F16 and BF16`, { file, field: name });
  }
}
