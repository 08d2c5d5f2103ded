/** Value types by name (ggml docs/gguf.md). */
const CODES = { u8: 0, i8: 1, u16: 2, i16: 3, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, u64: 10, i64: 11, f64: 12 } as const;
type Kind = keyof typeof CODES;

/** A metadata entry: a type, and one value or a list. */
export type GgufEntry = readonly [kind: Kind, value: number | bigint | boolean | string | readonly (number | string)[]];
export interface GgufTensorData {
  /** Code of the type; default F32. */
  readonly code?: number;
  /** Row-major, as elsewhere; the file has it the other way round. */
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

export interface GgufOptions {
  readonly version?: number;
  /** As `general.alignment` says; default 32. */
  readonly alignment?: number;
}

/** A whole GGUF file. */
export function tinyGguf(
  metadata: Readonly<Record<string, GgufEntry>>,
  tensors: Readonly<Record<string, GgufTensorData>>,
  { version = 3, alignment = 32 }: GgufOptions = {},
): Uint8Array {
  const entries = Object.entries(metadata).map(([key, [kind, value]]) => Buffer.concat([text(key), entry(kind, value)]));
  let offset = 0;
  const padded = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
  const infos = Object.entries(tensors).map(([name, { code = 0, shape, bytes }]) => {
    const info = Buffer.concat([text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(code), u64(offset)]);
    offset += padded(bytes.length);
    return info;
  });
  const head = Buffer.concat([Buffer.from("GGUF"), u32(version), u64(infos.length), u64(entries.length), ...entries, ...infos]);
  const file = new Uint8Array(padded(head.length) + offset);
  file.set(head);
  let at = padded(head.length);
  for (const { bytes } of Object.values(tensors)) {
    file.set(bytes, at);
    at += padded(bytes.length);
  }
  return file;
}

function entry(kind: Kind, value: GgufEntry[1]): Buffer {
  if (!Array.isArray(value)) return Buffer.concat([u32(CODES[kind]), scalar(kind, value as number)]);
  return Buffer.concat([u32(9), u32(CODES[kind]), u64(value.length), ...value.map((one: number | string) => scalar(kind, one))]);
}

function scalar(kind: Kind, value: number | bigint | boolean | string): Buffer {
  if (kind === "string") return text(value as string);
  const out = Buffer.alloc({ u8: 1, i8: 1, bool: 1, u16: 2, i16: 2, u32: 4, i32: 4, f32: 4, u64: 8, i64: 8, f64: 8 }[kind]);
  if (kind === "f32") out.writeFloatLE(Number(value));
  else if (kind === "f64") out.writeDoubleLE(Number(value));
  else if (kind === "u64") out.writeBigUInt64LE(BigInt(value));
  else if (kind === "i64") out.writeBigInt64LE(BigInt(value));
  else if (kind.startsWith("i")) out.writeIntLE(Number(value), 0, out.length);
  else out.writeUIntLE(Number(value), 0, out.length);
  return out;
}

function text(value: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}

function u64(value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}
