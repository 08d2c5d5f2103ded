import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { dequantize } from "../../src/format/gguf/blocks.ts";
import { readGgufHeader } from "../../src/format/gguf/header.ts";
import { bytesSource } from "./test-host.ts";

const ALIGNMENT = 32;

/** Writes a GGUF file with the same metadata and every tensor in F32 (of files whose alignment is the default). */
export async function expandGguf(path: string, out: string): Promise<void> {
  const file = readFileSync(path);
  const { tensors } = await readGgufHeader(bytesSource(file, path));
  const all = [...tensors.values()];
  // The tensors' descriptions begin with the first one's name, behind its length.
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(all[0]!.name)));
  const metadata = file.subarray(0, file.indexOf(Buffer.concat([length, Buffer.from(all[0]!.name)])));
  let offset = 0;
  const infos = all.map(({ name, shape }) => {
    const info = Buffer.alloc(8 + Buffer.byteLength(name) + 4 + 8 * shape.length + 4 + 8);
    let at = info.writeBigUInt64LE(BigInt(Buffer.byteLength(name)), 0);
    at += info.write(name, at);
    at = info.writeUInt32LE(shape.length, at);
    for (const size of [...shape].reverse()) at = info.writeBigUInt64LE(BigInt(size), at);
    at = info.writeUInt32LE(0, at);
    info.writeBigUInt64LE(BigInt(offset), at);
    offset += padded(4 * shape.reduce((a, b) => a * b, 1));
    return info;
  });
  const head = Buffer.concat([metadata, ...infos]);
  const target = openSync(out, "w");
  try {
    writeSync(target, Buffer.concat([head, Buffer.alloc(padded(head.length) - head.length)]));
    for (const { type, offset: at, bytes } of all) {
      const floats = dequantize(type, file.subarray(at, at + bytes));
      writeSync(target, new Uint8Array(floats.buffer));
      writeSync(target, Buffer.alloc(padded(floats.byteLength) - floats.byteLength));
    }
  } finally {
    closeSync(target);
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
