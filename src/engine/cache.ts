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

/** Keys and values of one sequence: [descriptor | scores | keys | values] in one block of the arena. */
export class KvCache {
  /** Address of the sequence descriptor. */
  readonly address: number;
  /** f32 [threads, HEADS_TOGETHER, capacity]: attention scores of the queries that each thread is at; free between forward calls. */
  readonly scores: number;
  readonly #arena: Arena;
  readonly #bytes: number;

  /** @throws LimitError when memory cannot grow. */
  constructor(engine: Engine, arena: Arena, config: ModelConfig, capacity: number, threads: number, what: string) {
    const row = cacheRowBytes(config);
    const scores = alignUp(L.SEQ_BYTES, 64);
    const keys = alignUp(scores + threads * L.HEADS_TOGETHER * capacity * 4, 64);
    const values = alignUp(keys + config.layers * capacity * row.keys, 64);
    this.#arena = arena;
    this.#bytes = values + config.layers * capacity * row.values;
    this.address = arena.allocate(this.#bytes, what);
    this.scores = this.address + scores;
    const view = new DataView(engine.memory.buffer);
    view.setUint32(this.address + L.SEQ_KEYS, this.address + keys, true);
    view.setUint32(this.address + L.SEQ_VALUES, this.address + values, true);
    view.setUint32(this.address + L.SEQ_CAPACITY, capacity, true);
    view.setUint32(this.address + L.SEQ_SCORES, this.scores, true);
  }

  release(): void {
    this.#arena.release(this.address, this.#bytes);
  }
}
