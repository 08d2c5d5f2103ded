import { FormatError } from "../../errors.ts";
import { readRange } from "../bytes.ts";
import { elementCount } from "../dtypes.ts";
import type { ByteSource } from "../source.ts";
import type { TensorInfo, TensorSource } from "../tensors.ts";
import { dequantize } from "./blocks.ts";
import type { GgufTensor } from "./header.ts";
import type { NamePair } from "./names.ts";
import { blockOf } from "./types.ts";

/** The tensors of a GGUF file under the names, and in the order of rows, that a Hugging Face checkpoint has. */
export class GgufTensors implements TensorSource {
  readonly name: string;
  readonly #source: ByteSource;
  readonly #tensors: ReadonlyMap<string, { readonly tensor: GgufTensor; readonly heads: number }>;
  /** Rows of whole heads that were read last: the next rows are mostly among them. */
  #heads: { readonly key: string; readonly data: Promise<Float32Array> } | undefined;

  /** @param pairs those that are not in the file are left out */
  constructor(source: ByteSource, tensors: ReadonlyMap<string, GgufTensor>, pairs: readonly NamePair[]) {
    this.name = source.name;
    this.#source = source;
    this.#tensors = new Map(
      pairs.flatMap(({ source: name, gguf, heads }) => {
        const tensor = tensors.get(gguf);
        return tensor === undefined ? [] : [[name, { tensor, heads }]];
      }),
    );
  }

  names(): readonly string[] {
    return [...this.#tensors.keys()];
  }

  info(name: string): TensorInfo | undefined {
    const found = this.#tensors.get(name);
    return found && { dtype: found.tensor.type, shape: found.tensor.shape };
  }

  async readF32(name: string, start: number, count: number): Promise<Float32Array> {
    const found = this.#tensors.get(name);
    if (found === undefined) throw new FormatError("there is no such tensor", { file: this.name, field: name });
    const { tensor, heads } = found;
    const elements = elementCount(tensor.shape) ?? 0;
    if (!(Number.isSafeInteger(start) && start >= 0 && Number.isSafeInteger(count) && count >= 0 && count <= elements - start))
      throw new FormatError(`elements ${start} to ${start + count} are outside its ${elements}`, { file: this.name, field: name });
    if (count === 0) return new Float32Array(0);
    return heads === 0 ? this.#read(tensor, start, count) : this.#readHeads(tensor, heads, start, count);
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  /** Elements as they lie in the file. */
  async #read(tensor: GgufTensor, start: number, count: number): Promise<Float32Array> {
    const { elements, bytes } = blockOf(tensor.type);
    const first = Math.floor(start / elements);
    const blocks = Math.ceil((start + count) / elements) - first;
    const data = dequantize(tensor.type, await readRange(this.#source, tensor.offset + first * bytes, blocks * bytes, tensor.name));
    return data.subarray(start - first * elements, start - first * elements + count);
  }

  /**
   * Elements of a matrix, or vector, of heads whose rows the file has as 0, n/2, 1, n/2 + 1, ... (`permute` of llama.cpp's
   * convert_hf_to_gguf.py): whole heads are read.
   */
  async #readHeads(tensor: GgufTensor, heads: number, start: number, count: number): Promise<Float32Array> {
    const rows = tensor.shape[0]!;
    const cols = (elementCount(tensor.shape) ?? 0) / rows;
    const head = rows / heads;
    const first = Math.floor(start / (head * cols));
    const last = Math.ceil((start + count) / (head * cols));
    const key = `${tensor.name} ${first} ${last}`;
    if (this.#heads?.key !== key) {
      this.#heads = { key, data: this.#read(tensor, first * head * cols, (last - first) * head * cols) };
      // Told by whoever waits for it.
      this.#heads.data.catch(() => undefined);
    }
    const data = await this.#heads.data;
    const out = new Float32Array(count);
    for (let done = 0; done < count;) {
      const row = Math.floor((start + done) / cols);
      const col = start + done - row * cols;
      const here = Math.min(cols - col, count - done);
      const r = row % head;
      const stored = row - r + (r < head / 2 ? 2 * r : 2 * r - head + 1) - first * head;
      out.set(data.subarray(stored * cols + col, stored * cols + col + here), done);
      done += here;
    }
    return out;
  }
}
