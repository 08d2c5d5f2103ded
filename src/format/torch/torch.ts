import { FormatError } from "../../errors.ts";
import { readRange } from "../bytes.ts";
import { DTYPE_BYTES, elementCount } from "../dtypes.ts";
import { foreignFile, MAGIC_BYTES } from "../../foreign.ts";
import { checkFloatRange, readFloats } from "../floats.ts";
import type { FloatDType } from "../floats.ts";
import type { ByteSource } from "../source.ts";
import { coveringSpan, gatherStrided, isRowMajor } from "./strided.ts";
import type { DType, TensorInfo, TensorSource } from "../tensors.ts";
import { readStateDict } from "./state.ts";
import type { TorchTensor } from "./state.ts";
import { openZip } from "./zip.ts";
import type { ZipDirectory, ZipEntry } from "./zip.ts";

/** Largest `data.pkl`. */
export const MAX_PICKLE_BYTES = 16 << 20;

const BYTE_ORDER = "little";

interface PlacedTensor extends TensorInfo<DType> {
  readonly view: TorchTensor;
  readonly entry: ZipEntry;
}

/** An open `pytorch_model.bin`: the state dict is checked, data are read when asked for. Tied tensors share their bytes. */
class TorchFile implements TensorSource {
  readonly name: string;
  readonly #source: ByteSource;
  readonly #zip: ZipDirectory;
  readonly #tensors: ReadonlyMap<string, PlacedTensor>;

  constructor(source: ByteSource, zip: ZipDirectory, tensors: ReadonlyMap<string, PlacedTensor>) {
    this.name = source.name;
    this.#source = source;
    this.#zip = zip;
    this.#tensors = tensors;
  }

  names(): readonly string[] {
    return [...this.#tensors.keys()];
  }

  info(name: string): TensorInfo | undefined {
    const tensor = this.#tensors.get(name);
    return tensor && { dtype: tensor.dtype, shape: tensor.shape };
  }

  async readF32(name: string, start: number, count: number): Promise<Float32Array> {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new FormatError("there is no such tensor", { file: this.name, field: name });
    const {
      dtype,
      shape,
      view: { strides, offset },
      entry,
    } = tensor;
    checkFloatRange(dtype, elementCount(shape) ?? 0, start, count, this.name, name);
    const itemSize = DTYPE_BYTES[dtype];
    const begin = (await this.#zip.dataOffset(entry)) + offset * itemSize;
    return readFloats(dtype, count, this.name, (target) => {
      if (isRowMajor(shape, strides)) return this.#source.readInto(begin + start * itemSize, target);
      return this.#readStrided(begin, shape, strides, dtype, start, target);
    });
  }

  /** Reads what covers the wanted elements, then picks them. */
  async #readStrided(
    begin: number,
    shape: readonly number[],
    strides: readonly number[],
    dtype: FloatDType,
    start: number,
    target: Uint8Array,
  ): Promise<void> {
    const itemSize = DTYPE_BYTES[dtype];
    const count = target.length / itemSize;
    const { first, last } = coveringSpan(shape, strides, start, count);
    const bytes = await readRange(this.#source, begin + first * itemSize, (last - first + 1) * itemSize, "strided tensor");
    if (itemSize === 4) {
      gatherStrided(new Uint32Array(bytes.buffer), first, shape, strides, start, new Uint32Array(target.buffer, target.byteOffset, count));
    } else {
      gatherStrided(new Uint16Array(bytes.buffer), first, shape, strides, start, new Uint16Array(target.buffer, target.byteOffset, count));
    }
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}

/**
 * Opens a state dict written by torch.save (zip format, PyTorch 1.6 or later, little-endian). Its pickle is read by a
 * restricted reader that runs nothing. `close()` closes the source; when opening fails, the source is still the caller's.
 * @throws FormatError, LimitError; SourceError from the source.
 */
export async function openTorch(source: ByteSource): Promise<TensorSource> {
  const file = source.name;
  const head = await readRange(source, 0, Math.min(source.size, MAGIC_BYTES), "header");
  const isZip = head[0] === 0x50 && head[1] === 0x4b;
  const foreign = isZip ? undefined : foreignFile(head);
  if (foreign !== undefined) throw new FormatError(foreign, { file });
  const zip = await openZip(source);
  const root = findRoot(zip, file);
  const order = zip.entries.get(`${root}/byteorder`);
  if (order !== undefined) {
    const text = new TextDecoder().decode(await zip.read(order, 16)).trim();
    if (text !== BYTE_ORDER)
      throw new FormatError(`${JSON.stringify(text)} is not supported; save the model on a little-endian machine`, {
        file,
        field: order.name,
      });
  }
  const pickle = zip.entries.get(`${root}/data.pkl`)!;
  const state = readStateDict(await zip.read(pickle, MAX_PICKLE_BYTES), file, pickle.name);
  const tensors = new Map<string, PlacedTensor>();
  for (const [name, view] of state) {
    const { storage } = view;
    const entry = zip.entries.get(`${root}/data/${storage.key}`);
    if (entry === undefined) throw new FormatError(`the archive has no ${root}/data/${storage.key}`, { file, field: name });
    if (entry.size !== storage.elements * DTYPE_BYTES[storage.dtype]) {
      throw new FormatError(
        `its storage should have ${storage.elements} ${storage.dtype} elements but ${entry.name} has ${entry.size} bytes`,
        { file, field: name },
      );
    }
    tensors.set(name, { dtype: storage.dtype, shape: view.shape, view, entry });
  }
  return new TorchFile(source, zip, tensors);
}

/** The one folder of the archive that holds data.pkl. */
function findRoot(zip: ZipDirectory, file: string): string {
  const roots = [...zip.entries.keys()].map((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1]).filter((root) => root !== undefined);
  if (roots.length !== 1) throw new FormatError("it is not a torch state dict: there must be one data.pkl", { file, field: "data.pkl" });
  return roots[0]!;
}
