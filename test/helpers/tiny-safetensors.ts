import { encodeSafetensorsHeader } from "../../src/format/safetensors/safetensors.ts";
import type { DType } from "../../src/format/tensors.ts";

export interface TinyTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Little-endian bytes; default: bytes that count up. */
  readonly bytes?: Uint8Array;
}

/** A whole safetensors file, by the project's own writer. */
export function tinySafetensors(tensors: readonly TinyTensor[], metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const layout = encodeSafetensorsHeader(tensors, new Map(Object.entries(metadata)), { align: 64 });
  const file = new Uint8Array(layout.fileSize);
  file.set(layout.header);
  layout.tensors.forEach(({ offset, byteLength }, i) => {
    file.set(tensors[i]?.bytes ?? Uint8Array.from({ length: byteLength }, (_, b) => (b * 7 + i) & 0x3f), offset);
  });
  return file;
}

/** A safetensors file with any JSON as header, right or wrong. */
export function rawSafetensors(header: string | Uint8Array, dataBytes = 0, claimedLength?: bigint): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, claimedLength ?? BigInt(json.length), true);
  file.set(json, 8);
  return file;
}
