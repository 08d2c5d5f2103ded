import { SourceError } from "../../src/errors.ts";
import type { ByteSource, ModelFiles } from "../../src/format/source.ts";
import type { ParameterTable } from "../model/parameters.ts";
import { tensorParts } from "./tensor-parts.ts";

/** A file to write, in parts. */
export interface OutputParts {
  readonly name: string;
  readonly parts: readonly Uint8Array[];
}

/** Weights as a safetensors file (F32, official names). The parts are views of `weights`. */
export function weightParts(table: ParameterTable, weights: Float32Array): Uint8Array[] {
  return tensorParts(
    table.entries.map((entry) => ({ name: entry.name, shape: entry.shape, values: table.view(weights, entry) })),
    new Map([["format", "pt"]]),
  );
}

/** Names of its files. */
export const MODEL_FILES = ["config.json", "tokenizer.json", "model.safetensors"] as const;

/** A model in the official Hugging Face layout. */
export function modelFolder(table: ParameterTable, weights: Float32Array, configJson: object, tokenizerJson: Uint8Array): OutputParts[] {
  const [config, tokenizer, model] = MODEL_FILES;
  return [
    { name: config, parts: [new TextEncoder().encode(`${JSON.stringify(configJson, null, 2)}\n`)] },
    { name: tokenizer, parts: [tokenizerJson] },
    { name: model, parts: weightParts(table, weights) },
  ];
}

/** Such files as a source that a model can be loaded from, without a disk. */
export function folderInMemory(name: string, files: readonly OutputParts[]): ModelFiles {
  const joined = new Map(files.map(({ name, parts }) => [name, join(parts)]));
  return {
    name,
    single: false,
    open: async (path) => {
      const bytes = joined.get(path);
      return bytes === undefined ? undefined : new MemoryFile(path, bytes);
    },
  };
}

class MemoryFile implements ByteSource {
  readonly name: string;
  readonly #bytes: Uint8Array;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    if (!(offset >= 0 && offset + target.length <= this.size))
      throw new SourceError(`has no bytes ${offset} to ${offset + target.length}`, { file: this.name });
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }

  async close(): Promise<void> {}
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
