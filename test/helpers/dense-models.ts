import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigJson } from "./tiny-checkpoint.ts";
import { denseWeights } from "./dense-weights.ts";
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
