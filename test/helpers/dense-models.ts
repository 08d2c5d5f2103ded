import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigJson } from "./tiny-checkpoint.ts";
import { tinyTensors } from "./tiny-checkpoint.ts";
import { tinySafetensors } from "./tiny-safetensors.ts";

/** What test/reference/dense_models.py wrote. */
export interface DenseModel {
  readonly config: ConfigJson;
  readonly prompt: readonly number[];
  /** Of the prompt's last tokens. */
  readonly logits: readonly (readonly number[])[];
  readonly greedy: readonly number[];
}

const FILE = join(import.meta.dirname, "../engine/dense-models.json");

export const DENSE_MODELS = (JSON.parse(readFileSync(FILE, "utf8")) as { models: Readonly<Record<string, DenseModel>> }).models;

/** Weights of such a model, by name: the reference's. */
export function denseWeights(config: ConfigJson): Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }> {
  let state = 12345;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1;
  const tensors = tinyTensors(config).sort((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(
    tensors.map(({ name, shape }) => {
      const [offset, scale] = name.endsWith("norm.weight") ? [1, 0.25] : [0, 0.3];
      return [name, { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => offset + scale * random()) }];
    }),
  );
}

/** Writes such a model as a Hugging Face folder. */
export function writeDenseModel(folder: string, config: ConfigJson): string {
  const tensors = [...denseWeights(config)].map(([name, { shape, data }]) => ({
    name,
    dtype: "F32" as const,
    shape,
    bytes: new Uint8Array(data.buffer),
  }));
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "model.safetensors"), tinySafetensors(tensors));
  return folder;
}
