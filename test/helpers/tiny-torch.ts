import { tinyZip } from "./tiny-zip.ts";
import type { TinyZipEntry, TinyZipOptions } from "./tiny-zip.ts";

export interface TinyStorage {
  readonly key: string;
  /** Class name in torch: FloatStorage, HalfStorage, BFloat16Storage ... */
  readonly type: string;
  readonly elements: number;
  readonly data: Uint8Array;
}

export interface TinyTorchTensor {
  readonly name: string;
  readonly storage: TinyStorage;
  readonly offset?: number;
  readonly shape: readonly number[];
  /** Default: row-major. */
  readonly strides?: readonly number[];
  /** Wraps it in torch._utils._rebuild_parameter. */
  readonly parameter?: boolean;
}

const utf8 = new TextEncoder();

/** Opcodes of protocol 2, as bytes. */
export const op = {
  proto: [0x80, 2],
  stop: [0x2e],
  mark: [0x28],
  emptyTuple: [0x29],
  tuple: [0x74],
  emptyDict: [0x7d],
  setItems: [0x75],
  reduce: [0x52],
  build: [0x62],
  persistentId: [0x51],
  no: [0x89],
  global: (module: string, name: string): number[] => [0x63, ...utf8.encode(`${module}\n${name}\n`)],
  text: (text: string): number[] => {
    const bytes = utf8.encode(text);
    return [0x58, ...u32(bytes.length), ...bytes];
  },
  int: (n: number): number[] => {
    if (n >= 0 && n < 256) return [0x4b, n];
    if (n >= 0 && n < 2 ** 31) return [0x4a, ...u32(n)];
    const long = BigInt.asUintN(64, BigInt(n));
    return [0x8a, 8, ...u32(Number(long & 0xffffffffn)), ...u32(Number(long >> 32n))];
  },
} as const;

function u32(n: number): number[] {
  return [n & 255, (n >>> 8) & 255, (n >>> 16) & 255, (n >>> 24) & 255];
}

function ints(values: readonly number[]): number[] {
  return [...op.mark, ...values.flatMap(op.int), ...op.tuple];
}

/** `data.pkl` of a state dict: an OrderedDict of tensors, with a `_metadata` attribute as torch writes it. */
export function tinyStateDict(tensors: readonly TinyTorchTensor[]): Uint8Array {
  const orderedDict = [...op.global("collections", "OrderedDict"), ...op.emptyTuple, ...op.reduce];
  const items = tensors.flatMap(({ name, storage, offset = 0, shape, strides = rowMajor(shape), parameter = false }) => {
    const id = [
      ...op.mark,
      ...op.text("storage"),
      ...op.global("torch", storage.type),
      ...op.text(storage.key),
      ...op.text("cpu"),
      ...op.int(storage.elements),
      ...op.tuple,
    ];
    const tensor = [
      ...op.global("torch._utils", "_rebuild_tensor_v2"),
      ...op.mark,
      ...id,
      ...op.persistentId,
      ...op.int(offset),
      ...ints(shape),
      ...ints(strides),
      ...op.no,
      ...orderedDict,
      ...op.tuple,
      ...op.reduce,
    ];
    const value = parameter
      ? [...op.global("torch._utils", "_rebuild_parameter"), ...op.mark, ...tensor, ...op.no, ...orderedDict, ...op.tuple, ...op.reduce]
      : tensor;
    return [...op.text(name), ...value];
  });
  const metadata = [...op.emptyDict, ...op.mark, ...op.text("_metadata"), ...orderedDict, ...op.setItems];
  return Uint8Array.from([...op.proto, ...orderedDict, ...op.mark, ...items, ...op.setItems, ...metadata, ...op.build, ...op.stop]);
}

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
}

/** A `pytorch_model.bin` as torch.save writes it. */
export function tinyTorch(tensors: readonly TinyTorchTensor[], options: TinyZipOptions & { readonly byteOrder?: string } = {}): Uint8Array {
  const storages = new Map(tensors.map(({ storage }) => [storage.key, storage]));
  const entries: TinyZipEntry[] = [{ name: "archive/data.pkl", data: tinyStateDict(tensors) }];
  if (options.byteOrder !== undefined) entries.push({ name: "archive/byteorder", data: utf8.encode(options.byteOrder) });
  for (const { key, data } of storages.values()) entries.push({ name: `archive/data/${key}`, data });
  entries.push({ name: "archive/version", data: utf8.encode("3\n") });
  return tinyZip(entries, options);
}

/** A storage of float32 values. */
export function floatStorage(key: string, values: readonly number[]): TinyStorage {
  return { key, type: "FloatStorage", elements: values.length, data: new Uint8Array(Float32Array.from(values).buffer) };
}
