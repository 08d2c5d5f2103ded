import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tinyTokenizerJson } from "./tiny-tokenizer.ts";

const PEOPLE = ["tom", "ben", "lily", "the cat", "the dog", "a bird"];
const VERBS = ["saw", "found", "liked", "lost", "took"];
const THINGS = ["a ball", "a red car", "the sun", "a big tree", "some cake"];

/** Small stories with a pattern to learn: one document a line of sentences. */
export function tinyStories(documents = 60): string {
  const pick = (list: readonly string[], n: number): string => list[n % list.length]!;
  return Array.from({ length: documents }, (_, d) =>
    Array.from({ length: 4 }, (_, s) => `${pick(PEOPLE, d + s)} ${pick(VERBS, d * 3 + s)} ${pick(THINGS, d * 7 + s)}.`).join(" "),
  ).join("\n<|endoftext|>\n");
}

/** A configuration that trains in a second; nested sections are replaced as wholes. */
export const TINY_TRAINING = {
  out: "run",
  data: { train: ["stories.txt"], valid: "stories.txt", tokenizer: "tokenizer.json" },
  model: { router: "blockffn", hidden: 32, layers: 2, heads: 2, kvHeads: 1, experts: 12, expertSize: 8, context: 64, baseWidth: 32 },
  objectives: { locality: { weight: 0.002 }, chunk: { weight: 0.05, length: 16, adaptive: { stable: 4, step: 2 } } },
  schedule: { steps: 12, warmup: 2, decay: 4 },
  batch: { rows: 4, rowsPerPass: 2, length: 32 },
  checkpointEvery: 4,
  validateEvery: 6,
  validDocuments: 2,
};

/** Writes a training configuration and what it names into a folder; gives the configuration's path. */
export function writeTraining(folder: string, changes: object = {}, text = tinyStories()): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "stories.txt"), text);
  writeFileSync(join(folder, "tokenizer.json"), tinyTokenizerJson());
  const path = join(folder, "train.json");
  writeFileSync(path, JSON.stringify({ ...TINY_TRAINING, ...changes }));
  return path;
}

/** metrics.jsonl of a run without the times. */
export function metricsOf(run: string): Record<string, unknown>[] {
  return readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const { seconds: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
      return rest;
    });
}
