import type { Architecture } from "../../../core/architecture.ts";
import type { Part } from "../../../core/plan.ts";
import * as T from "../../../core/tensors.ts";
import { FormatError } from "../../errors.ts";
import { elementCount } from "../dtypes.ts";
import type { TensorSource } from "../tensors.ts";
import { sourceName, type LayerPrefix } from "./tensors.ts";

/** Rows that are averaged at a time. */
const ROWS_AT_ONCE = 256;

/** Reads rows of one matrix of a part as f32 `[count, cols]`. */
export type RowReader = (first: number, count: number) => Promise<Float32Array>;

/**
 * Reads the parts of a weight plan from a checkpoint whose tensors are checked (`checkTensors`).
 * All reads throw FormatError for weights that are not finite.
 */
export class CheckpointWeights {
  readonly #architecture: Architecture;
  readonly #tensors: TensorSource;
  readonly #layers: LayerPrefix;
  #centre: { name: string; mean: Promise<Float64Array> } | undefined;
  #cached: { name: string; data: Promise<Float32Array> } | undefined;

  constructor(architecture: Architecture, tensors: TensorSource, layers: LayerPrefix) {
    this.#architecture = architecture;
    this.#tensors = tensors;
    this.#layers = layers;
  }

  /** A vector part's values. */
  async vector(part: Part): Promise<Float32Array> {
    const { rows, stored } = part.tensors[0] as T.Tensor;
    const name = sourceName(part, 0, this.#layers);
    if (stored === T.STORED_OR_ZERO && this.#tensors.info(name) === undefined) return new Float32Array(rows);
    if (stored === T.STORED_FIXED) return new Float32Array(rows).fill(this.#architecture.normScale);
    if (stored === T.STORED_SCALAR) return new Float32Array(rows).fill((await this.#read(name, 0, 1))[0] as number);
    return this.#read(name, 0, rows);
  }

  /** Rows of the i-th matrix of a part, in the c-th of its `count`. */
  matrix(part: Part, i: number, c: number): RowReader {
    const { rows, cols, stored } = part.tensors[i] as T.Tensor;
    const name = sourceName(part, i, this.#layers);
    const { nopeDim, valueDim } = this.#architecture;
    switch (stored) {
      case T.STORED_BESIDE:
        if (this.#stacked(name)) return this.#rows(name, c * rows, cols);
        return async (first, count) => sliceColumns(await this.#whole(name), part.count * cols, c * cols, cols, first, count);
      case T.STORED_CENTRED:
        return async (first, count) =>
          subtractRow(await this.#read(name, (c * rows + first) * cols, count * cols), await this.#mean(name, cols));
      case T.STORED_KV_B_KEYS:
        return async (first, count) => transposeColumns(await this.#whole(name), rows, c * (nopeDim + valueDim), cols, first, count);
      case T.STORED_KV_B_VALUES:
        return this.#rows(name, c * (nopeDim + valueDim) + nopeDim, cols);
      case T.STORED_LEFT:
        return this.#half(name, cols, 0);
      case T.STORED_RIGHT:
        return this.#half(name, cols, cols);
      default:
        return this.#rows(name, c * rows, cols);
    }
  }

  /** Mean of all rows of a `[*, cols]` matrix: `[cols]`, in f64. */
  #mean(name: string, cols: number): Promise<Float64Array> {
    if (this.#centre?.name !== name) this.#centre = { name, mean: this.#sumRows(name, cols) };
    return this.#centre.mean;
  }

  async #sumRows(name: string, cols: number): Promise<Float64Array> {
    const rows = (elementCount(this.#tensors.info(name)?.shape ?? []) ?? 0) / cols;
    const mean = new Float64Array(cols);
    for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
      const count = Math.min(ROWS_AT_ONCE, rows - first);
      const data = await this.#read(name, first * cols, count * cols);
      for (let i = 0; i < data.length; i++) mean[i % cols]! += (data[i] as number) / rows;
    }
    return mean;
  }

  /** Rows of a `[*, cols]` matrix from row `top` on. */
  #rows(name: string, top: number, cols: number): RowReader {
    return (first, count) => this.#read(name, (top + first) * cols, count * cols);
  }

  /** Columns left..left+cols-1 of a `[*, 2 cols]` matrix. */
  #half(name: string, cols: number, left: number): RowReader {
    return async (first, count) => sliceColumns(await this.#read(name, first * 2 * cols, count * 2 * cols), 2 * cols, left, cols, 0, count);
  }

  #stacked(name: string): boolean {
    return this.#tensors.info(name)?.shape.length === 3;
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

/** Takes a row off every row. */
function subtractRow(data: Float32Array, row: Float64Array): Float32Array {
  return data.map((value, i) => value - (row[i % row.length] as number));
}

/** Rows first.. of the transpose of rows top..top+height-1 of a `[*, width]` matrix: `[count, height]`. */
function transposeColumns(data: Float32Array, width: number, top: number, height: number, first: number, count: number): Float32Array {
  const out = new Float32Array(count * height);
  for (let r = 0; r < count; r++) for (let c = 0; c < height; c++) out[r * height + c] = data[(top + c) * width + first + r] as number;
  return out;
}

/** Columns left..left+width-1 of rows first.. of a `[*, stride]` matrix: `[count, width]`. */
function sliceColumns(data: Float32Array, stride: number, left: number, width: number, first: number, count: number): Float32Array {
  const out = new Float32Array(count * width);
  for (let r = 0; r < count; r++) {
    const at = (first + r) * stride + left;
    out.set(data.subarray(at, at + width), r * width);
  }
  return out;
}
