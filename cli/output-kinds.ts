import { readFile, stat } from "node:fs/promises";
import { NodeFile } from "../host/node/files.ts";
import { MAX_TOKENIZER_BYTES } from "../src/format/hf/checkpoint.ts";
import { isPacked } from "../src/format/packed/packed.ts";
import { openSafetensors } from "../src/format/safetensors/safetensors.ts";

/** What a command writes, so that it may be replaced by the same. */
export interface OutputKind {
  /** As in "is not a packed model". */
  readonly name: string;
  /** Whether a file that is there is one. It may hold anything. */
  recognises(path: string): Promise<boolean>;
}

/** What is read of a file to tell what it is. */
const HEAD_BYTES = 1 << 12;
/** Sizes of logits: text and integers read as float32 are far outside. */
const LARGEST_LOGIT = 1e5;
const SMALLEST_LOGIT = 1e-12;

/** A packed model of blockffn, of any version. */
export const PACKED_MODEL: OutputKind = {
  name: "a packed model of blockffn",
  async recognises(path) {
    let file: NodeFile | undefined;
    try {
      file = await NodeFile.open(path);
      return isPacked(await openSafetensors(file));
    } catch {
      return false;
    } finally {
      await file?.close();
    }
  },
};

/** An SVG picture of a command: its <title> tells. */
export function svgKind(name: string, title: RegExp): OutputKind {
  return textKind(name, (head) => head.startsWith("<svg ") && title.test(/<title[^>]*>([^<]*)<\/title>/.exec(head)?.[1] ?? ""));
}

/** A text whose first few KiB tell what it is. */
export function textKind(name: string, test: (head: string) => boolean): OutputKind {
  return {
    name,
    async recognises(path) {
      return test(new TextDecoder().decode((await headOf(path)).bytes));
    },
  };
}

/** Raw float32 values `[n, columns]`: its rows are whole, and the first values may be logits. */
export function logitsKind(columns: number): OutputKind {
  return {
    name: `float32 [n, ${columns}]`,
    async recognises(path) {
      const { bytes, size } = await headOf(path);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const values = Array.from({ length: bytes.length >> 2 }, (_, i) => Math.abs(view.getFloat32(4 * i, true)));
      return size % (4 * columns) === 0 && values.every((value) => value < LARGEST_LOGIT && (value === 0 || value > SMALLEST_LOGIT));
    },
  };
}

/** A tokenizer.json that `train tokenizer` wrote. */
export const TRAINED_TOKENIZER: OutputKind = {
  name: "a tokenizer.json that train tokenizer wrote",
  async recognises(path) {
    const [{ size }, { isTokenizerFile }] = await Promise.all([stat(path), import("../train/tokenizer/tokenizer-file.ts")]);
    return size <= MAX_TOKENIZER_BYTES && isTokenizerFile(await readFile(path));
  },
};

async function headOf(path: string): Promise<{ readonly bytes: Uint8Array; readonly size: number }> {
  const file = await NodeFile.open(path);
  try {
    const bytes = new Uint8Array(Math.min(HEAD_BYTES, file.size));
    await file.readInto(0, bytes);
    return { bytes, size: file.size };
  } finally {
    await file.close();
  }
}
