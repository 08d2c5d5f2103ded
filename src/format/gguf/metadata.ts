import { ConfigError, FormatError, LimitError } from "../../errors.ts";
import type { Cursor } from "./cursor.ts";

/** Longest text, in bytes, and most elements of an array. */
export const METADATA_LIMITS = { text: 1 << 22, elements: 1 << 22 } as const;

/** Numbers of an array; 64-bit ones that are too large are NaN. */
export type Value = number | boolean | string | Float64Array | readonly string[];

const STRING = 8;
const ARRAY = 9;
const BOOL = 7;
/** Number types by code (ggml docs/gguf.md): bytes, and how they are read. */
const NUMBERS: Readonly<Record<number, { readonly bytes: number; readonly read: (view: DataView, at: number) => number }>> = {
  0: { bytes: 1, read: (view, at) => view.getUint8(at) },
  1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  2: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  3: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  4: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  5: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  6: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  7: { bytes: 1, read: (view, at) => view.getUint8(at) },
  10: { bytes: 8, read: (view, at) => safe(view.getBigUint64(at, true)) },
  11: { bytes: 8, read: (view, at) => safe(view.getBigInt64(at, true)) },
  12: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

function safe(value: bigint): number {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : NaN;
}

/** Reads the type and value of an entry. @throws FormatError, LimitError naming the key. */
export async function readValue(cursor: Cursor, key: string, file: string): Promise<Value> {
  const type = await cursor.u32(key);
  if (type === STRING) return cursor.string(METADATA_LIMITS.text, key);
  if (type === ARRAY) return readArray(cursor, key, file);
  const number = NUMBERS[type];
  if (number === undefined) throw new FormatError(`has the unknown value type ${type}`, { file, field: key });
  await cursor.need(number.bytes, key);
  const value = number.read(cursor.view(number.bytes), 0);
  return type === BOOL ? value !== 0 : value;
}

async function readArray(cursor: Cursor, key: string, file: string): Promise<Value> {
  const type = await cursor.u32(key);
  if (type === ARRAY) throw new FormatError("is an array of arrays, which no model has", { file, field: key });
  const number = NUMBERS[type];
  if (type !== STRING && number === undefined) throw new FormatError(`has elements of the unknown type ${type}`, { file, field: key });
  const count = await cursor.u64(key);
  const limit = METADATA_LIMITS.elements;
  if (count > limit) throw new LimitError(`${count} elements are more than the ${limit} allowed`, { file, field: key, limit });
  if (number === undefined) {
    const texts: string[] = [];
    for (let i = 0; i < count; i++) texts.push(await cursor.string(METADATA_LIMITS.text, key));
    return texts;
  }
  await cursor.need(count * number.bytes, key);
  const view = cursor.view(count * number.bytes);
  return Float64Array.from({ length: count }, (_, i) => number.read(view, i * number.bytes));
}

/** Metadata by key, read with checks. All throw ConfigError naming file and key. */
export class Metadata {
  readonly #values = new Map<string, Value>();

  constructor(readonly file: string) {}

  has(key: string): boolean {
    return this.#values.has(key);
  }

  set(key: string, value: Value): void {
    this.#values.set(key, value);
  }

  text(key: string): string | undefined {
    const value = this.#values.get(key);
    if (value === undefined || typeof value === "string") return value;
    throw this.error(key, "must be a text");
  }

  flag(key: string): boolean | undefined {
    const value = this.#values.get(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.error(key, "must be true or false");
  }

  /** A finite number; `otherwise` where it is not there. */
  number(key: string, otherwise?: number): number {
    const value = this.#values.get(key) ?? otherwise;
    if (value === undefined) throw this.error(key, "is missing");
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.error(key, "must be a number");
  }

  /** A number above 0. */
  positive(key: string, most: number, otherwise?: number): number {
    const value = this.number(key, otherwise);
    if (!(value > 0)) throw this.error(key, "must be above 0");
    if (value > most) throw this.error(key, `must be at most ${most}`, most);
    return value;
  }

  /** A whole number from `least` to `most`; of an array, whose elements must all be the same, any of them. */
  size(key: string, most: number, otherwise?: number, least = 1): number {
    const array = this.#values.get(key);
    if (array instanceof Float64Array) {
      if (array.some((one) => one !== array[0])) throw this.error(key, "differs from layer to layer, which is not supported");
      if (array.length > 0) otherwise = array[0];
    }
    const value = array instanceof Float64Array ? otherwise : this.number(key, otherwise);
    if (value === undefined || !Number.isInteger(value)) throw this.error(key, "must be a whole number");
    if (value < least) throw this.error(key, `must be at least ${least}, not ${value}`, least);
    if (value > most) throw this.error(key, `must be at most ${most}, not ${value}`, most);
    return value;
  }

  texts(key: string): readonly string[] | undefined {
    const value = this.#values.get(key);
    if (value === undefined || Array.isArray(value)) return value as readonly string[] | undefined;
    throw this.error(key, "must be a list of texts");
  }

  numbers(key: string): Float64Array | undefined {
    const value = this.#values.get(key);
    if (value === undefined || value instanceof Float64Array) return value;
    throw this.error(key, "must be a list of numbers");
  }

  error(key: string, text: string, limit?: number): ConfigError {
    return new ConfigError(text, { file: this.file, field: key, ...(limit === undefined ? {} : { limit }) });
  }
}
