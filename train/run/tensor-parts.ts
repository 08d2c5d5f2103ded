import { encodeSafetensorsHeader } from "../../src/format/safetensors/safetensors.ts";

export interface F32Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A safetensors file of F32 tensors, in parts: header, then the tensors' own memory, with zeros where they are aligned (8 bytes). */
export function tensorParts(entries: readonly F32Tensor[], metadata: ReadonlyMap<string, string>): Uint8Array[] {
  const named = entries.map(({ name, shape }) => ({ name, dtype: "F32" as const, shape: [...shape] }));
  const { header, tensors } = encodeSafetensorsHeader(named, metadata, { align: 8 });
  const parts: Uint8Array[] = [header];
  let end = header.length;
  tensors.forEach(({ offset, byteLength }, i) => {
    if (offset > end) parts.push(new Uint8Array(offset - end));
    const { values } = entries[i] as F32Tensor;
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    end = offset + byteLength;
  });
  return parts;
}
