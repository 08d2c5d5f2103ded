import * as L from "../../assembly/layout.ts";
import type { Arena } from "./arena.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { Engine } from "./engine.ts";
import { alignUp } from "../architecture/panel.ts";

/** Bytes of keys and of values that one token takes in one layer. */
export function cacheRowBytes(config: ModelConfig): { keys: number; values: number } {
  const { attention: a } = config;
  if (a.kind === "mla") return { keys: (a.kvRank + a.ropeDim) * 4, values: 0 };
  const bytes = a.kvHeads * a.headDim * 4;
  return { keys: bytes, values: bytes };
}

/**
 * Rows of a cache for so many tokens: eight sizes a doubling, so that caches of mixed lengths take each other's places, and memory does not
 * creep up with each length that was not there before.
 */
export function cacheRows(capacity: number): number {
  const step = Math.max(8, 2 ** (Math.floor(Math.log2(capacity)) - 3));
  return Math.ceil(capacity / step) * step;
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
    const row = cacheRowBytes(config);
    const rows = cacheRows(capacity);
    const scores = alignUp(L.SEQ_BYTES, 64);
    const keys = alignUp(scores + threads * L.HEADS_TOGETHER * rows * 4, 64);
    const values = alignUp(keys + config.layers * rows * row.keys, 64);
    this.#arena = arena;
    this.#bytes = values + config.layers * rows * row.values;
    this.address = arena.allocate(this.#bytes, what);
    this.scores = this.address + scores;
    const view = engine.view();
    view.setUint32(this.address + L.SEQ_KEYS, this.address + keys, true);
    view.setUint32(this.address + L.SEQ_VALUES, this.address + values, true);
    view.setUint32(this.address + L.SEQ_CAPACITY, rows, true);
    view.setUint32(this.address + L.SEQ_SCORES, this.scores, true);
  }

  release(): void {
    this.#arena.release(this.address, this.#bytes);
  }
}
