import { FormatError } from "../../errors.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import type { ExpertsPart, MatrixPart, Part, VectorPart } from "../../architecture/plan.ts";
import { elementCount } from "../dtypes.ts";
import { tensorsOf } from "./tensors.ts";
import type { TensorSource } from "../tensors.ts";

/** Reads rows of one matrix of a part as f32 `[count, cols]`. */
export type RowReader = (first: number, count: number) => Promise<Float32Array>;

/**
 * Reads the parts of a weight plan from a Hugging Face checkpoint whose tensors are checked (`checkHfTensors`).
 * All reads throw FormatError for weights that are not finite.
 */
export class CheckpointWeights {
  readonly #config: ModelConfig;
  readonly #tensors: TensorSource;
  #cached: { name: string; data: Promise<Float32Array> } | undefined;

  constructor(config: ModelConfig, tensors: TensorSource) {
    this.#config = config;
    this.#tensors = tensors;
  }

  /** A vector part's values. */
  vector(part: VectorPart): Promise<Float32Array> {
    return this.#read(this.#name(part), 0, part.length);
  }

  /** Rows of the i-th matrix of a part. */
  matrix(part: MatrixPart, i: number): RowReader {
    const { attention } = this.#config;
    const name = this.#name(part);
    if (part.name.endsWith("_absorb") && attention.kind === "mla") {
      const { nopeDim, valueDim, kvRank } = attention;
      const head = i * (nopeDim + valueDim);
      if (part.name.endsWith("v_absorb")) return (first, count) => this.#read(name, (head + nopeDim + first) * kvRank, count * kvRank);
      return async (first, count) => transposeColumns(await this.#whole(name), kvRank, head, nopeDim, first, count);
    }
    return (first, count) => this.#read(name, first * part.cols, count * part.cols);
  }

  /** Rows of expert e's up and down matrices. */
  expert(part: ExpertsPart, e: number): { up: RowReader; down: RowReader } {
    const { experts, size, hidden } = part;
    const [upName, downName] = [this.#name(part, 0), this.#name(part, 1)];
    const up: RowReader = (first, count) => this.#read(upName, (e * size + first) * hidden, count * hidden);
    const stacked = this.#tensors.info(downName)?.shape.length === 3;
    if (stacked) return { up, down: (first, count) => this.#read(downName, (e * hidden + first) * size, count * size) };
    return { up, down: async (first, count) => sliceColumns(await this.#whole(downName), experts * size, e * size, size, first, count) };
  }

  #name(part: Part, i = 0): string {
    return tensorsOf(this.#config, part)[i]?.name ?? part.name;
  }

  #read(name: string, start: number, count: number): Promise<Float32Array> {
    return readFinite(this.#tensors, name, start, count);
  }

  /** A whole tensor, kept until another one is asked for: consecutive experts and heads slice the same one. */
  #whole(name: string): Promise<Float32Array> {
    if (this.#cached?.name !== name) {
      this.#cached = { name, data: this.#read(name, 0, elementCount(this.#tensors.info(name)?.shape ?? []) ?? 0) };
    }
    return this.#cached.data;
  }
}

/** Elements of a tensor. @throws FormatError for NaN or infinite ones. */
export async function readFinite(tensors: TensorSource, name: string, start: number, count: number): Promise<Float32Array> {
  const data = await tensors.readF32(name, start, count);
  if (!allFinite(data)) throw new FormatError("holds NaN or infinite weights", { file: tensors.name, field: name });
  return data;
}

function allFinite(data: Float32Array): boolean {
  let sum = 0;
  // x - x is 0 for finite x, NaN otherwise.
  for (let i = 0; i < data.length; i++) sum += (data[i] as number) - (data[i] as number);
  return sum === 0;
}

/** Rows first.. of the transpose of rows top..top+height-1 of a `[*, width]` matrix: `[count, height]`. */
function transposeColumns(data: Float32Array, width: number, top: number, height: number, first: number, count: number): Float32Array {
  const out = new Float32Array(count * height);
  for (let r = 0; r < count; r++) for (let c = 0; c < height; c++) out[r * height + c] = data[(top + c) * width + first + r] as number;
  return out;
}

/** Columns left..left+width-1 of rows first.. of a `[*, stride]` matrix: `[count, width]`. */
export function sliceColumns(data: Float32Array, stride: number, left: number, width: number, first: number, count: number): Float32Array {
  const out = new Float32Array(count * width);
  for (let r = 0; r < count; r++) {
    const at = (first + r) * stride + left;
    out.set(data.subarray(at, at + width), r * width);
  }
  return out;
}
