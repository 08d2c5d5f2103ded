import { Architecture } from "./architecture.ts";
import { WEIGHT_BF16, WEIGHT_F32, WEIGHT_Q4, WEIGHT_Q8 } from "./layout/matrix.ts";
import { alignUp } from "./numbers.ts";
import { matrixBytes } from "./panel.ts";
import { CLASS_BODY, CLASS_ENDS, CLASS_VECTOR, draftTensors, firstTensors, lastTensors, layerTensors, Tensor } from "./tensors.ts";

// What lies where in the weights of a model: in a packed file and, from the same offsets, in linear memory.

/** Every part starts on a cache line. */
export const PART_ALIGN = 64;

/** Names of WEIGHT_* in packed files, in their order. */
export const WEIGHT_NAMES: string[] = ["f32", "q8", "q4", "bf16"];

/** Weight types of a packed model: every matrix f32; 8-bit blocks; 4-bit blocks with 8-bit embedding and head; 4-bit ones there, too. */
export const QUANTIZATION_NAMES: string[] = ["f32", "q8", "q4", "q4-all"];
/** For each of them, the type of the layers' matrices, and of embedding and head. */
const BODY_TYPES: i32[] = [WEIGHT_F32, WEIGHT_Q8, WEIGHT_Q4, WEIGHT_Q4];
const ENDS_TYPES: i32[] = [WEIGHT_F32, WEIGHT_Q8, WEIGHT_Q8, WEIGHT_Q4];

/**
 * A stretch of the weights: a vector, a matrix, or `count` times a matrix of each of its tensors, `stride` bytes apart. A vector of n
 * floats
 * lies as an f32 matrix [n, 1]: padded with zeros to whole panels.
 */
export class Part {
  readonly tensors: Tensor[] = [];
  /** Bytes from one matrix, or expert, to the next. */
  stride: f64 = 0;
  bytes: f64 = 0;

  /**
   * @param name as packed files have it
   * @param layer of the model; -1 for what lies before and after the layers
   * @param type WEIGHT_* of layout/matrix.ts
   * @param offset from the start of the weights, in bytes
   */
  constructor(
    readonly name: string,
    readonly layer: i32,
    readonly type: i32,
    readonly count: f64,
    readonly offset: f64,
  ) {}

  get vector(): bool {
    return this.tensors[0]!.weight === CLASS_VECTOR;
  }

  /** Do several matrices belong together, an expert's? */
  get experts(): bool {
    return this.tensors.length > 1;
  }

  /** Bytes from the start of one of `count` to its i-th matrix. */
  matrixOffset(i: i32): f64 {
    let offset: f64 = 0;
    for (let j = 0; j < i; j++) offset += this.matrixSize(j);
    return offset;
  }

  /** Bytes of the i-th matrix. */
  matrixSize(i: i32): f64 {
    const tensor = this.tensors[i]!;
    return matrixBytes(this.type, tensor.rows, tensor.cols);
  }

  /** Parameters in all, without padding, as a checkpoint keeps them. */
  get parameters(): f64 {
    let sum: f64 = 0;
    for (let i = 0; i < this.tensors.length; i++) sum += this.tensors[i]!.parameters;
    return sum * this.count;
  }
}

export class WeightPlan {
  readonly parts: Part[] = [];
  readonly byName: Map<string, Part> = new Map<string, Part>();
  /** Bytes of all parts, with the padding after the last one. */
  bytes: f64 = 0;

  /** @param quantization place in QUANTIZATION_NAMES */
  constructor(readonly quantization: i32) {}

  /** Bytes up to the end of the last part. */
  get end(): f64 {
    const last = this.parts[this.parts.length - 1]!;
    return last.offset + last.bytes;
  }

  /** Lays out tensors, those of one part together. */
  add(a: Architecture, tensors: Tensor[], layer: i32): void {
    const prefix = layer < 0 ? "" : `layers.${layer}.`;
    for (let i = 0; i < tensors.length;) {
      const first = tensors[i]!;
      const part = new Part(prefix + first.part, layer, weightType(a, first.weight, this.quantization), first.count, this.bytes);
      while (i < tensors.length && tensors[i]!.part == first.part) part.tensors.push(tensors[i++]!);
      const size = part.matrixOffset(part.tensors.length);
      part.stride = part.experts ? alignUp(size, PART_ALIGN) : size;
      part.bytes = part.count * part.stride;
      this.parts.push(part);
      this.byName.set(part.name, part);
      this.bytes = alignUp(this.bytes + part.bytes, PART_ALIGN);
    }
  }
}

/**
 * A ReLU router's scores pass through zero, so an expert that rounding switches on or off had next to no weight: 8 bits. The others pick
 * the largest scores, and a pick that changes changes much: bf16, as published checkpoints hold it.
 */
function weightType(a: Architecture, weight: i32, quantization: i32): i32 {
  const body = BODY_TYPES[quantization]!;
  if (weight === CLASS_BODY) return body;
  if (weight === CLASS_ENDS) return ENDS_TYPES[quantization]!;
  if (weight === CLASS_VECTOR || body === WEIGHT_F32) return WEIGHT_F32;
  return a.routerIsRelu ? WEIGHT_Q8 : WEIGHT_BF16;
}

/** Lays out the weights of a model. @param quantization place in QUANTIZATION_NAMES */
export function planModel(a: Architecture, quantization: i32): WeightPlan {
  const plan = new WeightPlan(quantization);
  plan.add(a, firstTensors(a), -1);
  for (let l = 0; l < a.layers; l++) plan.add(a, layerTensors(a, l, true), l);
  plan.add(a, lastTensors(a), -1);
  return plan;
}

/** Lays out an EAGLE head's own weights. */
export function planDraft(a: Architecture, quantization: i32): WeightPlan {
  const plan = new WeightPlan(quantization);
  plan.add(a, draftTensors(a), -1);
  for (let l = 0; l < a.layers; l++) plan.add(a, layerTensors(a, l, l > 0), l);
  return plan;
}
