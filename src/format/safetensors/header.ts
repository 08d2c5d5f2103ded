import { FormatError, LimitError } from "../../errors.ts";
import { isPrintable } from "../bytes.ts";
import { DTYPE_BYTES, isDType, MAX_RANK, tensorBytes } from "../dtypes.ts";
import { JsonReader } from "../json-reader.ts";
import type { DType, TensorInfo } from "../tensors.ts";

/** Longest header, as in the reference implementation. */
export const MAX_HEADER_BYTES = 100_000_000;
/** Most tensors of one file. */
export const MAX_TENSORS = 65_536;
/** Longest tensor name: in UTF-16 units when read, in bytes of UTF-8 when written. */
export const MAX_NAME_BYTES = 256;
/** Most bytes of one value of `__metadata__`, and of all of them. */
export const MAX_METADATA_BYTES = 8 << 20;
/** Longest hole before a tensor or at the end of the file. The format has none; files with aligned tensors have padding. */
export const MAX_PADDING_BYTES = 4096;

const METADATA = "__metadata__";

/** Where a tensor is: `offset` is absolute in the file, in bytes. */
export interface SafetensorsEntry extends TensorInfo<DType> {
  readonly offset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Parses and checks a whole header: known types, shapes that fit their byte ranges, ranges inside the file, no overlaps,
 * no holes beyond alignment padding, no duplicate names.
 * @param json the header after its 8 bytes of length
 * @param fileSize bytes of the whole file
 * @throws FormatError naming the tensor; LimitError for a limit of this file.
 */
export function parseSafetensorsHeader(json: Uint8Array, fileSize: number, file: string): SafetensorsHeader {
  const dataStart = 8 + json.length;
  const entries = new Map<string, SafetensorsEntry>();
  let metadata: ReadonlyMap<string, string> | undefined;
  const reader = new JsonReader(json, file);
  if (json[0] !== 0x7b) reader.fail("the header must begin with '{'; this is not a safetensors file");
  reader.object(MAX_NAME_BYTES, (name) => {
    if (name === METADATA) {
      if (metadata !== undefined) reader.fail("the header has it twice", METADATA);
      metadata = readMetadata(reader, file);
      return;
    }
    if (!isPrintable(name)) reader.fail("a tensor name holds control characters");
    if (entries.has(name)) reader.fail("the header has this tensor twice", name);
    if (entries.size >= MAX_TENSORS) throw new LimitError(`more than ${MAX_TENSORS} tensors`, { file, limit: MAX_TENSORS });
    entries.set(name, readEntry(reader, name, dataStart, fileSize, file));
  });
  reader.end();
  checkLayout(entries, dataStart, fileSize, file);
  return { entries, metadata: metadata ?? new Map() };
}

const NULL = /[ \n\r\t]*null(?=[\s,}])/y;

function readMetadata(reader: JsonReader, file: string): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  // As the reference implementation, whose metadata are an Option.
  if (reader.match(NULL) !== undefined) return metadata;
  let left = MAX_METADATA_BYTES;
  reader.object(MAX_NAME_BYTES, (key) => {
    if (metadata.has(key)) reader.fail(`the key ${JSON.stringify(key)} is there twice`, METADATA);
    const value = reader.string(left);
    // Each entry costs memory of its own, however short.
    left -= value.length + key.length + 64;
    if (left < 0) throw new LimitError("metadata is too large", { file, field: METADATA, limit: MAX_METADATA_BYTES });
    metadata.set(key, value);
  });
  return metadata;
}

/** What an entry says. */
interface Stated {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function readEntry(reader: JsonReader, name: string, dataStart: number, fileSize: number, file: string): SafetensorsEntry {
  const { dtype, shape, begin, end } = readUsual(reader) ?? readFields(reader, name);
  const byteLength = tensorBytes(dtype, shape);
  if (byteLength === undefined)
    return reader.fail(`${dtype} [${shape.join(", ")}] has more elements than can be counted, or ends within a byte`, name);
  if (end < begin || end > fileSize - dataStart) {
    throw new FormatError(
      `data_offsets [${begin}, ${end}] are outside the ${fileSize - dataStart} bytes of data; the file may be cut short`,
      { file, field: name },
    );
  }
  if (end - begin !== byteLength) {
    throw new FormatError(`${dtype} [${shape.join(", ")}] needs ${byteLength} bytes but data_offsets give ${end - begin}`, {
      file,
      field: name,
    });
  }
  return { dtype, shape, offset: dataStart + begin, byteLength };
}

/** An entry as nearly all writers put it, its numbers of up to 15 digits: they are exact. */
const NUMBER = "(?:0|[1-9][0-9]{0,14})";
const USUAL = new RegExp(
  String.raw`\{"dtype":"(F64|F32|F16|BF16|I64|I32|I16|I8|U8|BOOL)","shape":\[(${NUMBER}(?:,${NUMBER}){0,7})\],` +
    String.raw`"data_offsets":\[(${NUMBER}),(${NUMBER})\]\}`,
  "y",
);

/** Reads such an entry in one step, which takes a third of the time of reading it field by field; undefined when it is another one. */
function readUsual(reader: JsonReader): Stated | undefined {
  const found = reader.match(USUAL);
  if (found === undefined) return undefined;
  const [, dtype, shape, begin, end] = found as unknown as [string, DType, string, string, string];
  return { dtype, shape: shape.split(",").map(Number), begin: Number(begin), end: Number(end) };
}

/** Any entry, with spaces, in another order, of no dimensions; says what is wrong with one that is none. */
function readFields(reader: JsonReader, name: string): Stated {
  let dtype: DType | undefined;
  let shape: number[] | undefined;
  let range: number[] | undefined;
  reader.object(32, (field) => {
    if (field === "dtype" && dtype === undefined) {
      const text = reader.string(32);
      if (!isDType(text)) reader.fail(`unknown dtype ${JSON.stringify(text)}; known are ${Object.keys(DTYPE_BYTES).join(", ")}`, name);
      dtype = text;
    } else if (field === "shape" && shape === undefined) {
      shape = readIntegers(reader, name, "shape", MAX_RANK);
    } else if (field === "data_offsets" && range === undefined) {
      range = readIntegers(reader, name, "data_offsets", 2);
    } else {
      reader.fail(`unknown or repeated field ${JSON.stringify(field)}`, name);
    }
  });
  const begin = range?.[0];
  const end = range?.[1];
  if (dtype === undefined || shape === undefined || begin === undefined || end === undefined) {
    return reader.fail("dtype, shape and two data_offsets are needed", name);
  }
  return { dtype, shape, begin, end };
}

function readIntegers(reader: JsonReader, name: string, field: string, max: number): number[] {
  const values: number[] = [];
  reader.array(() => {
    if (values.length === max) reader.fail(`${field} has more than ${max} numbers`, name);
    values.push(reader.integer());
  });
  return values;
}

function checkLayout(entries: ReadonlyMap<string, SafetensorsEntry>, dataStart: number, fileSize: number, file: string): void {
  const ordered = [...entries].filter(([, entry]) => entry.byteLength > 0).sort(([, a], [, b]) => a.offset - b.offset);
  let end = dataStart;
  for (const [name, { offset, byteLength }] of ordered) {
    if (offset < end) throw new FormatError("its data overlap those of another tensor", { file, field: name });
    if (offset - end >= MAX_PADDING_BYTES) {
      throw new FormatError(`${offset - end} unused bytes before its data`, { file, field: name, limit: MAX_PADDING_BYTES });
    }
    end = offset + byteLength;
  }
  if (fileSize - end >= MAX_PADDING_BYTES) {
    throw new FormatError(`${fileSize - end} unused bytes after the last tensor`, { file, field: "header", limit: MAX_PADDING_BYTES });
  }
}
