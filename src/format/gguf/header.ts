import { FormatError, LimitError } from "../../errors.ts";
import { isPrintable } from "../bytes.ts";
import { elementCount } from "../dtypes.ts";
import type { ByteSource } from "../source.ts";
import { Cursor } from "./cursor.ts";
import { Metadata, readValue } from "./metadata.ts";
import { blockOf, GGUF_TYPES, isGgufType, typeName, type GgufType } from "./types.ts";

/** First four bytes. */
export const GGUF_MAGIC = "GGUF";
const VERSIONS = [2, 3];
/** Most bytes of everything before the tensors' data, most metadata entries and tensors, and longest names in bytes. */
export const GGUF_LIMITS = { header: 1 << 28, entries: 1 << 16, tensors: 1 << 16, key: 1 << 16, name: 256, dimensions: 4 } as const;
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 1 << 16;

/** A tensor of the file. */
export interface GgufTensor {
  readonly name: string;
  readonly type: GgufType;
  /** Row-major: [rows, columns] of a matrix. */
  readonly shape: readonly number[];
  /** From the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufHeader {
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Whether a file begins as a GGUF file does. Streams are not asked: what is read of them is gone. */
export async function isGguf(source: ByteSource): Promise<boolean> {
  if (source.sequential === true || source.size < GGUF_MAGIC.length) return false;
  const head = new Uint8Array(GGUF_MAGIC.length);
  await source.readInto(0, head);
  return String.fromCharCode(...head) === GGUF_MAGIC;
}

/**
 * Reads and checks everything before the data of a GGUF file, version 2 or 3 (ggml docs/gguf.md).
 * @throws FormatError, LimitError naming file and field
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const file = source.name;
  const cursor = new Cursor(source, GGUF_LIMITS.header);
  await cursor.need(4, "header");
  const magic = String.fromCharCode(...new Uint8Array(cursor.view(4).buffer, 0, 4));
  if (magic !== GGUF_MAGIC) throw new FormatError("is no GGUF file", { file, field: "header" });
  const version = await cursor.u32("version");
  if (!VERSIONS.includes(version)) throw new FormatError(versionAdvice(version), { file, field: "version" });
  const tensorCount = await counted(cursor, "tensor_count", GGUF_LIMITS.tensors, file);
  const entryCount = await counted(cursor, "metadata_kv_count", GGUF_LIMITS.entries, file);
  const metadata = new Metadata(file);
  for (let i = 0; i < entryCount; i++) {
    const key = await cursor.string(GGUF_LIMITS.key, `metadata ${i}`);
    if (!isPrintable(key)) throw new FormatError("has a name with control characters", { file, field: `metadata ${i}` });
    if (metadata.has(key)) throw new FormatError("is there twice", { file, field: key });
    metadata.set(key, await readValue(cursor, key, file));
  }
  const alignment = metadata.has("general.alignment") ? metadata.size("general.alignment", MAX_ALIGNMENT) : DEFAULT_ALIGNMENT;
  if ((alignment & (alignment - 1)) !== 0) throw new FormatError(`${alignment} is no power of two`, { file, field: "general.alignment" });
  const tensors = new Map<string, GgufTensor>();
  for (let i = 0; i < tensorCount; i++) {
    const tensor = await readTensor(cursor, i, file);
    if (tensors.has(tensor.name)) throw new FormatError("is there twice", { file, field: tensor.name });
    tensors.set(tensor.name, tensor);
  }
  const data = Math.ceil(cursor.offset / alignment) * alignment;
  return { metadata, tensors: placed(tensors, data, alignment, source) };
}

function versionAdvice(version: number): string {
  if (version === 1) return "1 is not supported: convert the model again with a current llama.cpp";
  if (version > 0 && version % 2 ** 24 === 0) return "the file is big-endian; get the little-endian one";
  return `${version} is not supported; supported are ${VERSIONS.join(" and ")}`;
}

async function counted(cursor: Cursor, field: string, most: number, file: string): Promise<number> {
  const count = await cursor.u64(field);
  if (count > most) throw new LimitError(`${count} are more than the ${most} allowed`, { file, field, limit: most });
  return count;
}

/** A tensor's description, its offset still from the start of the data. */
async function readTensor(cursor: Cursor, i: number, file: string): Promise<GgufTensor> {
  const name = await cursor.string(GGUF_LIMITS.name, `tensor ${i}`);
  if (name === "" || !isPrintable(name)) throw new FormatError("has no name that can be shown", { file, field: `tensor ${i}` });
  const wrong = (text: string): never => {
    throw new FormatError(text, { file, field: name });
  };
  const dimensions = await cursor.u32(name);
  if (dimensions < 1 || dimensions > GGUF_LIMITS.dimensions)
    wrong(`has ${dimensions} dimensions; 1 to ${GGUF_LIMITS.dimensions} are allowed`);
  const shape: number[] = [];
  for (let d = 0; d < dimensions; d++) shape.unshift(await cursor.u64(name));
  const elements = elementCount(shape);
  if (elements === undefined || elements === 0) wrong(`[${shape.join(", ")}] is no size that a tensor can have`);
  const type = typeName(await cursor.u32(name));
  if (!isGgufType(type)) return wrong(`has ${type}; supported are ${GGUF_TYPES.join(", ")}. Convert the model to one of these`);
  const block = blockOf(type);
  const columns = shape.at(-1)!;
  if (columns % block.elements !== 0) wrong(`has rows of ${columns}, which are no whole blocks of ${block.elements} (${type})`);
  return { name, type, shape, offset: await cursor.u64(name), bytes: (elements! / block.elements) * block.bytes };
}

/** The tensors with their places in the file, which must be inside it, aligned and apart. */
function placed(
  tensors: ReadonlyMap<string, GgufTensor>,
  data: number,
  alignment: number,
  { name: file, size }: ByteSource,
): ReadonlyMap<string, GgufTensor> {
  let end = 0;
  const ascending = [...tensors.values()].sort((a, b) => a.offset - b.offset);
  for (const { name, offset, bytes } of ascending) {
    if (offset % alignment !== 0) throw new FormatError(`begins at ${offset}, no multiple of ${alignment}`, { file, field: name });
    if (offset < end) throw new FormatError("lies over another tensor", { file, field: name });
    end = offset + bytes;
    if (!(end <= size - data))
      throw new FormatError(`ends beyond the file of ${size} bytes; it may be cut short, download it again`, { file, field: name });
  }
  return new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, offset: data + tensor.offset }]));
}
