import { existsSync, readFileSync } from "node:fs";
import { expect } from "vitest";
import { sharedPath } from "./shared.ts";
import { readVectors } from "./vectors.ts";

/** One topic of ../shared/golden/train: its JSON index and tensors. Empty when the folder is not there. */
export function goldenTraining(topic: string, folder = "golden/train", indexFile = topic) {
  const indexPath = sharedPath(`${folder}/${indexFile}.json`);
  const there = existsSync(indexPath);
  const json = (there ? JSON.parse(readFileSync(indexPath, "utf8")) : {}) as Record<string, Record<string, unknown>>;
  const index = (indexFile === topic ? json : (json[topic] ?? {})) as Record<string, Record<string, unknown>>;
  const vectors = there ? readVectors(sharedPath(`${folder}/${topic}.safetensors`)) : new Map<string, never>();
  const find = (name: string) => {
    const found = vectors.get(name);
    if (found === undefined) throw new Error(`no golden tensor ${name}`);
    return found;
  };
  return {
    index,
    cases: Object.keys(index),
    names: [...vectors.keys()],
    has: (name: string) => vectors.has(name),
    get: (name: string) => find(name).data as Float32Array,
    shape: (name: string) => find(name).shape,
  };
}

/** One topic of ../shared/golden/deco/train, as `goldenTraining`; its index is one file for all topics. */
export function goldenDecoTraining(topic: string): ReturnType<typeof goldenTraining> {
  return goldenTraining(topic, "golden/deco/train", "index");
}

/**
 * Every value within `relative` of the golden one, where small values count relative to a hundredth of the largest:
 * the golden float32 gradients themselves are off from float64 by up to 5e-7 of the largest.
 */
export function expectClose(actual: ArrayLike<number>, golden: ArrayLike<number>, relative = 1e-4): void {
  expect(actual.length).toBe(golden.length);
  let largest = 0;
  for (let i = 0; i < golden.length; i++) largest = Math.max(largest, Math.abs(golden[i]!));
  for (let i = 0; i < golden.length; i++) {
    const bound = relative * Math.max(Math.abs(golden[i]!), largest / 100);
    const off = Math.abs(actual[i]! - golden[i]!);
    if (!(off <= bound)) throw new Error(`[${i}] is ${actual[i]}, golden ${golden[i]}: off by ${off}, allowed ${bound}`);
  }
}
