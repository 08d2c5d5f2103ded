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
  readonly #engine: Engine;
  readonly #arena: Arena;
  readonly #config: ModelConfig;
  readonly #threads: number;
  #address: number;
  #plan: CachePlan;

  /** For at least `capacity` tokens. @throws MemoryError when memory cannot grow. */
  constructor(engine: Engine, arena: Arena, config: ModelConfig, capacity: number, threads: number, what: string) {
    this.#engine = engine;
    this.#arena = arena;
    this.#config = config;
    this.#threads = threads;
    this.#plan = this.#planFor(capacity);
    this.#address = this.#place(this.#plan, what);
  }

  /** Address of the sequence descriptor. */
  get address(): number {
    return this.#address;
  }

  /** f32 [threads, HEADS_TOGETHER, capacity]: attention scores of the queries that each thread is at; free between forward calls. */
  get scores(): number {
    return this.#address + this.#plan.scores;
  }

  /**
   * Moves to a block for at least `capacity` tokens, with the first `held` rows of every head.
   * @throws MemoryError when there is no memory for both blocks at once; nothing has then changed.
   */
  grow(capacity: number, held: number, what: string): void {
    const from = this.#plan;
    const plan = this.#planFor(capacity);
    if (plan.capacity <= from.capacity) return;
    const at = this.#place(plan, what);
    const { layers, cacheHeads, keyDim, valueWidth } = architectureOf(this.#config);
    const rowBytes = 4 * keyDim;
    const engine = this.#engine;
    const copy = (source: number, target: number): void =>
      engine.bytes(at + target, held * rowBytes).set(engine.bytes(this.#address + source, held * rowBytes));
    for (let head = 0; head < layers * cacheHeads; head++) {
      copy(from.keys + head * from.capacity * rowBytes, plan.keys + head * plan.capacity * rowBytes);
      if (valueWidth > 0) copy(from.values + head * from.capacity * rowBytes, plan.values + head * plan.capacity * rowBytes);
    }
    this.release();
    this.#address = at;
    this.#plan = plan;
  }

  release(): void {
    this.#arena.release(this.#address, this.#plan.bytes);
  }

  #planFor(capacity: number): CachePlan {
    return new CachePlan(architectureOf(this.#config), cacheRows(capacity), this.#threads);
  }

  /** Takes a block and writes its descriptor. */
  #place(plan: CachePlan, what: string): number {
    const at = this.#arena.allocate(plan.bytes, what);
    writeCache(new ViewWriter(this.#engine.memory), at, plan);
    return at;
  }
}
