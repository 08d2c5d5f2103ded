import { readFileSync } from "node:fs";

type Vector = Float32Array | Float64Array | Int32Array | Uint8Array;

/** The tensors of a small .safetensors file of golden vectors, by name. Trusted files only; the real reader is src/format/safetensors/safetensors.ts. */
export function readVectors(path: string): Map<string, { shape: number[]; data: Vector }> {
  const file = readFileSync(path);
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const out = new Map<string, { shape: number[]; data: Vector }>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const bytes = Uint8Array.from(file.subarray(8 + length + data_offsets[0], 8 + length + data_offsets[1])).buffer;
    const data =
      dtype === "F32"
        ? new Float32Array(bytes)
        : dtype === "F64"
          ? new Float64Array(bytes)
          : dtype === "I32"
            ? new Int32Array(bytes)
            : new Uint8Array(bytes);
    out.set(name, { shape, data });
  }
  return out;
}
