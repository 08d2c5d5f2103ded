import { expectedHfTensors } from "../../src/format/hf/tensors.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { tensor, type Tensor, type Tensors } from "../autodiff/jax.ts";

/** A weight tensor's place in the flat array of all weights. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** All weights of a model as one f32 array: official names, in the order of the forward pass. */
export class ParameterTable {
  readonly entries: readonly Parameter[];
  /** Weights in all. */
  readonly length: number;

  constructor(shapes: Iterable<readonly [name: string, shape: readonly number[]]>) {
    let offset = 0;
    this.entries = Array.from(shapes, ([name, shape]) => {
      const length = shape.reduce((a, b) => a * b, 1);
      const entry = { name, shape, offset, length };
      offset += length;
      return entry;
    });
    this.length = offset;
  }

  static of(config: ModelConfig): ParameterTable {
    return new ParameterTable(expectedHfTensors(config).map(({ name, shapes }) => [name, shapes[0] as readonly number[]]));
  }

  /** The place of a tensor. */
  find(name: string): Parameter {
    return this.entries.find((entry) => entry.name === name) as Parameter;
  }

  /** A view of one weight tensor in a flat array. */
  view(flat: Float32Array, { offset, length }: Parameter): Float32Array {
    return flat.subarray(offset, offset + length);
  }

  /** The weights as tensors, copied. */
  tensors(flat: Float32Array): Tensors {
    return Object.fromEntries(this.entries.map((entry) => [entry.name, tensor(this.view(flat, entry), entry.shape)]));
  }

  /** Copies tensors (gradients) into a flat array and disposes them. */
  async read(tensors: Readonly<Record<string, Tensor>>, flat: Float32Array): Promise<void> {
    await Promise.all(
      this.entries.map(async (entry) => this.view(flat, entry).set((await (tensors[entry.name] as Tensor).data()) as Float32Array)),
    );
  }
}
