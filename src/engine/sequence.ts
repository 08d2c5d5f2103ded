import type { ModelConfig } from "../architecture/config.ts";
import { UsageError } from "../errors.ts";
import { KvCache } from "./cache.ts";
import { forwardRows } from "./forward-rows.ts";
import type { ModelMemory, RowCache } from "./model-memory.ts";
import { FORWARD_OPTIONS, type ForwardOptions, type ForwardResult, type Sequence } from "./types.ts";
import { checkOptions } from "../options.ts";

/** Errors of a sequence's own call name its fields as they are. */
const NO_PREFIX = (): string => "";

/** @throws UsageError for a capacity beyond the model's context. */
export function checkCapacity(capacity: number, { contextLength }: ModelConfig): void {
  if (Number.isInteger(capacity) && capacity >= 1 && capacity <= contextLength) return;
  throw new UsageError(`capacity must be a whole number from 1 to the model's context length ${contextLength}`, {
    field: "capacity",
    limit: contextLength,
  });
}

/** A cache, as errors of memory call it. */
function contextOf(capacity: number): string {
  return `a context of ${capacity} tokens`;
}

/** A sequence over an engine. */
export class EngineSequence implements Sequence, RowCache {
  readonly #model: ModelMemory;
  readonly #cache: KvCache;
  readonly #onDispose: () => void;
  #capacity: number;
  #length = 0;
  #chunkStart = 0;
  #disposed = false;

  constructor(model: ModelMemory, capacity: number, onDispose: () => void) {
    this.#model = model;
    this.#capacity = capacity;
    this.#onDispose = onDispose;
    this.#cache = new KvCache(model.engine, model.arena, model.config, capacity, model.threads, contextOf(capacity));
  }

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Address of the sequence descriptor. */
  get address(): number {
    return this.#cache.address;
  }

  forward(tokens: ArrayLike<number>, options: ForwardOptions = {}): ForwardResult {
    this.#assertAlive();
    checkOptions(options, FORWARD_OPTIONS, "forward");
    const { logits, tree } = options;
    return forwardRows(this.#model, [{ sequence: this, tokens, logits, tree }], NO_PREFIX)[0] as ForwardResult;
  }

  /** A call has appended so many rows to the cache. */
  appended(rows: number): void {
    this.#chunkStart = this.#length;
    this.#length += rows;
  }

  truncate(length: number): void {
    this.#assertAlive();
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      throw new UsageError(`cannot truncate to ${length}: the sequence holds ${this.#length} tokens`, {
        field: "length",
        limit: this.#length,
      });
    }
    this.#length = length;
    this.#chunkStart = Math.min(this.#chunkStart, length);
  }

  grow(capacity: number): void {
    this.#assertAlive();
    checkCapacity(capacity, this.#model.config);
    if (capacity <= this.#capacity) return;
    this.#cache.grow(capacity, this.#length, contextOf(capacity));
    this.#capacity = capacity;
  }

  keep(path: ArrayLike<number>): void {
    this.#assertAlive();
    const rows = this.#length - this.#chunkStart;
    for (let i = 0; i < path.length; i++) {
      const row = path[i] as number;
      if (!Number.isInteger(row) || row >= rows || row <= (i === 0 ? -1 : (path[i - 1] as number))) {
        throw new UsageError(`path must be ascending rows of the last chunk, which has ${rows}`, { field: "path", limit: rows });
      }
    }
    const { engine, addresses } = this.#model;
    engine.u32(this.#cache.scores, path.length).set(Array.from(path));
    engine.exports.compact(addresses.descriptor, this.#cache.address, this.#chunkStart, this.#cache.scores, path.length);
    this.#length = this.#chunkStart + path.length;
    this.#chunkStart = this.#length;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#cache.release();
    this.#onDispose();
  }

  #assertAlive(): void {
    this.#model.assertAlive();
    if (this.#disposed) throw new UsageError("the sequence is disposed");
  }
}
