import { createRandom } from "../../../src/decode/sampling/rng.ts";

export type Random = ReturnType<typeof createRandom>;
export const seeded = (seed: number): Random => createRandom(seed);

/** A whole number from 0 to `count` - 1. */
export function below(random: Random, count: number): number {
  return Math.min(count - 1, Math.floor(random.float() * count));
}

export function pick<T>(random: Random, list: readonly T[]): T {
  return list[below(random, list.length)]!;
}
