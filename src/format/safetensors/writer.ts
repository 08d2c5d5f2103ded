import { UsageError } from "../../errors.ts";
import { isPrintable } from "../bytes.ts";
import { MAX_RANK, tensorBytes } from "../dtypes.ts";
import { MAX_HEADER_BYTES, MAX_NAME_BYTES, MAX_PADDING_BYTES, MAX_TENSORS } from "./header.ts";
import type { SafetensorsEntry } from "./header.ts";
import type { DType, TensorInfo } from "../tensors.ts";

export interface NamedTensor extends TensorInfo<DType> {
  readonly name: string;
}

export interface SafetensorsLayout {
  /** The file's first bytes: length, JSON and padding. Tensor data follow. */
  readonly header: Uint8Array;
  /** Where each tensor's bytes go, in the order given. Bytes between them are zero. */
  readonly tensors: readonly (SafetensorsEntry & { readonly name: string })[];
  readonly fileSize: number;
}

/**
 * Lays out a safetensors file whose tensors all start at multiples of `align` bytes of the file (a power of two, 8 to 2048),
 * in the order given.
 * @throws UsageError for a name, shape or alignment that a reader would refuse.
 */
export function encodeSafetensorsHeader(
  entries: readonly NamedTensor[],
  metadata: ReadonlyMap<string, string>,
  options: { readonly align: number } = { align: 64 },
): SafetensorsLayout {
  const { align } = options;
  if (!(align >= 8 && align < MAX_PADDING_BYTES && Number.isInteger(Math.log2(align)))) {
    throw new UsageError(`${align} is not a power of two from 8 to ${MAX_PADDING_BYTES / 2}`, { field: "align" });
  }
  if (entries.length > MAX_TENSORS) throw new UsageError(`more than ${MAX_TENSORS} tensors`, { field: "entries", limit: MAX_TENSORS });
  const roundUp = (n: number): number => Math.ceil(n / align) * align;
  const names = new Set<string>();
  const fields: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    fields.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let end = 0;
  const relative = entries.map(({ name, dtype, shape }) => {
    checkName(name, names);
    const byteLength = tensorBytes(dtype, shape);
    const whole = shape.length <= MAX_RANK && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
    if (byteLength === undefined || !whole) throw new UsageError(`[${shape.join(", ")}] is not a shape`, { field: name });
    const begin = roundUp(end);
    end = begin + byteLength;
    fields.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape.join(",")}],"data_offsets":[${begin},${end}]}`);
    return { name, dtype, shape: [...shape], offset: begin, byteLength };
  });
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const dataStart = roundUp(8 + json.length);
  if (dataStart - 8 > MAX_HEADER_BYTES) throw new UsageError("the header is too long", { field: "entries", limit: MAX_HEADER_BYTES });
  // The format allows spaces after the JSON, which is how the data get aligned.
  const header = new Uint8Array(dataStart).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  header.set(json, 8);
  return { header, tensors: relative.map((tensor) => ({ ...tensor, offset: dataStart + tensor.offset })), fileSize: dataStart + end };
}

function checkName(name: string, names: Set<string>): void {
  // A JSON escape takes at most 6 bytes for a character, so short names need no encoding to be measured.
  const bytes = new TextEncoder().encode(JSON.stringify(name)).length - 2;
  if (name === "__metadata__" || !isPrintable(name) || bytes > MAX_NAME_BYTES) throw new UsageError("not a tensor name", { field: name });
  if (names.has(name)) throw new UsageError("a tensor with this name is there already", { field: name });
  names.add(name);
}
