import { FormatError, LimitError } from "../../errors.ts";
import { readRange } from "../bytes.ts";
import { elementCount, DTYPE_BYTES } from "../dtypes.ts";
import { foreignFile, MAGIC_BYTES } from "../../foreign.ts";
import { checkFloatRange, readFloats } from "../floats.ts";
import { MAX_HEADER_BYTES, parseSafetensorsHeader } from "./header.ts";
import type { SafetensorsEntry, SafetensorsHeader } from "./header.ts";
import type { ByteSource } from "../source.ts";
import type { TensorSource } from "../tensors.ts";

export { encodeSafetensorsHeader } from "./writer.ts";
export type { NamedTensor, SafetensorsLayout } from "./writer.ts";
export type { SafetensorsEntry } from "./header.ts";

/** An open safetensors file. Its header is checked; data are read when asked for. */
export class SafetensorsFile implements TensorSource {
  readonly name: string;
  /** For straight reads of `entry(name).offset` and `.byteLength` into memory of one's own. */
  readonly source: ByteSource;
  readonly metadata: ReadonlyMap<string, string>;
  /** The header as it stands in the file, without its 8 bytes of length. */
  readonly headerJson: Uint8Array;
  readonly #entries: ReadonlyMap<string, SafetensorsEntry>;

  constructor(source: ByteSource, header: SafetensorsHeader, headerJson: Uint8Array) {
    this.headerJson = headerJson;
    this.name = source.name;
    this.source = source;
    this.metadata = header.metadata;
    this.#entries = header.entries;
  }

  names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** Type, shape and place (absolute, in bytes) of a tensor; undefined when there is none. */
  entry(name: string): SafetensorsEntry | undefined {
    return this.#entries.get(name);
  }

  info(name: string): SafetensorsEntry | undefined {
    return this.#entries.get(name);
  }

  async readF32(name: string, start: number, count: number): Promise<Float32Array> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new FormatError("there is no such tensor", { file: this.name, field: name });
    const { dtype, shape, offset } = entry;
    checkFloatRange(dtype, elementCount(shape) ?? 0, start, count, this.name, name);
    return readFloats(dtype, count, this.name, (target) => this.source.readInto(offset + start * DTYPE_BYTES[dtype], target));
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

/** How a header begins: "{". */
const OPEN = 0x7b;

/** Read first, where one may go back: in most files the whole header, which then takes one read. */
const FIRST_READ = 1 << 16;

/**
 * Opens a safetensors file: reads its header and checks all of it. `close()` closes the source; when opening fails, the
 * source is still the caller's.
 * @throws FormatError, LimitError; SourceError from the source.
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const field = "header";
  const start = await readRange(source, 0, source.sequential === true ? 8 : Math.max(8, Math.min(source.size, FIRST_READ)), field);
  const length = new DataView(start.buffer).getBigUint64(0, true);
  if (length > BigInt(Math.max(0, source.size - 8)) || (start.length > 8 && start[8] !== OPEN)) {
    const more = source.sequential === true ? await readRange(source, 8, Math.min(source.size, MAGIC_BYTES) - 8, field) : start.subarray(8);
    const foreign = foreignFile(Uint8Array.of(...start.subarray(0, 8), ...more.subarray(0, MAGIC_BYTES - 8)));
    if (foreign !== undefined) throw new FormatError(foreign, { file: source.name });
  }
  if (length > BigInt(Math.max(0, source.size - 8))) {
    throw new FormatError(`the header claims ${length} bytes in a file of ${source.size}; it is cut short or not a safetensors file`, {
      file: source.name,
      field,
    });
  }
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new LimitError(`the header has ${length} bytes`, { file: source.name, field, limit: MAX_HEADER_BYTES });
  }
  const end = 8 + Number(length);
  const json = end <= start.length ? start.subarray(8, end) : await readRange(source, 8, Number(length), field);
  return new SafetensorsFile(source, parseSafetensorsHeader(json, source.size, source.name), json);
}
