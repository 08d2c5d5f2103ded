import { CachePlan, writeCache } from "../../core/cache.ts";
import type { Arena } from "./arena.ts";
import type { ModelConfig } from "../architecture/config.ts";
import { architectureOf } from "../architecture/flat.ts";
import type { Engine } from "./engine.ts";
import { ViewWriter } from "./view-writer.ts";

/** Bytes of keys and of values that one token takes in one layer. */
export function cacheRowBytes(config: ModelConfig): { keys: number; values: number } {
  const { keyWidth, valueWidth } = architectureOf(config);
  return { keys: keyWidth * 4, values: valueWidth * 4 };
}

/**
 * Rows of a cache for so many tokens: eight sizes a doubling, so that caches of mixed lengths take each other's places, and memory does not
 * creep up with each length that was not there before.
 */
export function cacheRows(capacity: number): number {
  const step = Math.max(8, 2 ** (Math.floor(Math.log2(capacity)) - 3));
  return Math.ceil(capacity / step) * step;
}

/** Bytes of the cache of one sequence. */
export function cacheBytes(config: ModelConfig, capacity: number, threads: number): number {
  return new CachePlan(architectureOf(config), cacheRows(capacity), threads).bytes;
}

/** Keys and values of one sequence: [descriptor | scores | keys | values] in one block of the arena. */
export class KvCache {
  /** Address of the sequence descriptor. */
  readonly address: number;
  /** f32 [threads, HEADS_TOGETHER, capacity]: attention scores of the queries that each thread is at; free between forward calls. */
  readonly scores: number;
  readonly #arena: Arena;
  readonly #bytes: number;

  /** For at least `capacity` tokens. @throws MemoryError when memory cannot grow. */
  constructor(engine: Engine, arena: Arena, config: ModelConfig, capacity: number, threads: number, what: string) {
    const plan = new CachePlan(architectureOf(config), cacheRows(capacity), threads);
    this.#arena = arena;
    this.#bytes = plan.bytes;
    this.address = arena.allocate(plan.bytes, what);
    this.scores = this.address + plan.scores;
    writeCache(new ViewWriter(engine.memory), this.address, plan);
  }

  release(): void {
    this.#arena.release(this.address, this.#bytes);
  }
}
