import * as L from "../../assembly/layout.ts";
import { FormatError, LimitError, UsageError } from "../errors.ts";
import { KvCache } from "./cache.ts";
import type { ModelInstance } from "./instance.ts";
import { paddedRows } from "../architecture/panel.ts";
import { FORWARD_OPTIONS, type ForwardOptions, type ForwardResult, type Sequence } from "./types.ts";
import { checkOptions } from "../options.ts";

const LOGITS = { none: L.LOGITS_NONE, last: L.LOGITS_LAST, all: L.LOGITS_ALL } as const;

/** A sequence over an engine. */
export class EngineSequence implements Sequence {
  readonly capacity: number;
  readonly #model: ModelInstance;
  readonly #cache: KvCache;
  readonly #onDispose: () => void;
  #length = 0;
  #chunkStart = 0;
  #disposed = false;

  constructor(model: ModelInstance, capacity: number, onDispose: () => void) {
    this.#model = model;
    this.capacity = capacity;
    this.#onDispose = onDispose;
    this.#cache = new KvCache(model.engine, model.arena, model.config, capacity, model.threads, `a context of ${capacity} tokens`);
  }

  get length(): number {
    return this.#length;
  }

  /** Address of the sequence descriptor. */
  get address(): number {
    return this.#cache.address;
  }

  forward(tokens: ArrayLike<number>, options: ForwardOptions = {}): ForwardResult {
    this.#assertAlive();
    checkOptions(options, FORWARD_OPTIONS, "forward");
    const n = tokens.length;
    this.#checkChunk(tokens, options);
    const { engine, addresses } = this.#model;
    this.#writeChunk(tokens, options);
    // Whatever lay there before, also when this call fails.
    this.#model.latest = undefined;
    const logits = options.logits ?? "last";
    engine.run(n, () => engine.exports.forward(addresses.descriptor, this.#cache.address, n, this.#length, LOGITS[logits]));
    this.#chunkStart = this.#length;
    this.#length += n;
    const result = new ChunkResult(this.#model, n, logits === "all" ? n : logits === "last" ? 1 : 0);
    this.#model.latest = result;
    return result;
  }

  truncate(length: number): void {
    this.#assertAlive();
    if (!Number.isInteger(length) || length < 0 || length > this.#length) {
      throw new UsageError(`cannot truncate to ${length}: the sequence holds ${this.#length} tokens`, { field: "length", limit: this.#length });
    }
    this.#length = length;
    this.#chunkStart = Math.min(this.#chunkStart, length);
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

  #checkChunk(tokens: ArrayLike<number>, options: ForwardOptions): void {
    const n = tokens.length;
    const { maxChunk, config } = this.#model;
    if (n < 1) throw new UsageError("a chunk needs at least one token", { field: "tokens" });
    if (n > maxChunk) throw new LimitError(`${n} tokens in one chunk; at most ${maxChunk}`, { field: "tokens", limit: maxChunk });
    if (this.#length + n > this.capacity) {
      throw new LimitError(`${this.#length} tokens held and ${n} more do not fit into ${this.capacity}; ask for a larger capacity`, { field: "capacity", limit: this.capacity });
    }
    for (let i = 0; i < n; i++) {
      const id = tokens[i] as number;
      if (!Number.isInteger(id) || id < 0 || id >= config.vocabSize) {
        throw new UsageError(`token id ${id} is not in 0..${config.vocabSize - 1}`, { field: `tokens[${i}]`, limit: config.vocabSize - 1 });
      }
    }
    if (options.tree !== undefined) checkTree(options.tree, n);
  }

  #writeChunk(tokens: ArrayLike<number>, options: ForwardOptions): void {
    const model = this.#model;
    const n = tokens.length;
    const ids = model.engine.u32(model.scratchAt(L.SCRATCH_TOKENS), n);
    const positions = model.engine.u32(model.scratchAt(L.SCRATCH_POSITIONS), n);
    const masks = model.engine.u64(model.scratchAt(L.SCRATCH_MASKS), n);
    for (let i = 0; i < n; i++) {
      ids[i] = tokens[i] as number;
      positions[i] = options.tree?.positions[i] ?? this.#length + i;
      masks[i] = options.tree?.masks[i] ?? (2n << BigInt(i)) - 1n;
    }
  }
}

function checkTree(tree: NonNullable<ForwardOptions["tree"]>, n: number): void {
  if (tree.positions.length !== n || tree.masks.length !== n) throw new UsageError(`a tree of ${n} tokens needs ${n} positions and masks`, { field: "tree" });
  for (let i = 0; i < n; i++) {
    const mask = tree.masks[i] as bigint;
    const position = tree.positions[i] as number;
    if ((mask >> BigInt(i)) !== 1n) throw new UsageError("a row must see itself and no later row", { field: `tree.masks[${i}]` });
    if (!Number.isInteger(position) || position < 0 || position > 2 ** 24) throw new UsageError("a position must be a whole number below 2^24", { field: `tree.positions[${i}]` });
  }
}

/** Results of one forward call: what it reads lies in scratch until the next one. */
class ChunkResult implements ForwardResult {
  readonly rows: number;
  readonly logitRows: number;
  readonly #model: ModelInstance;

  constructor(model: ModelInstance, rows: number, logitRows: number) {
    this.#model = model;
    this.rows = rows;
    this.logitRows = logitRows;
  }

  logits(i: number): Float32Array {
    return this.#model.engine.f32(this.#logitsAt(i), this.#model.config.vocabSize).slice();
  }

  withLogits<T>(i: number, use: (logits: Float32Array) => T): T {
    return use(this.#model.engine.f32(this.#logitsAt(i), this.#model.config.vocabSize));
  }

  argmax(i: number): number {
    const id = this.#model.engine.exports.argmax(this.#logitsAt(i), this.#model.config.vocabSize);
    if (id < 0) throw new FormatError("the model computed NaN logits: its weights are damaged or overflow", { file: this.#model.name, field: "logits" });
    return id;
  }

  hidden(row: number): Float32Array {
    this.#assertLatest();
    if (!Number.isInteger(row) || row < 0 || row >= this.rows) throw new UsageError(`the chunk has ${this.rows} rows, not row ${row}`, { field: "row", limit: this.rows - 1 });
    const { config, engine } = this.#model;
    return engine.f32(this.#model.scratchAt(L.SCRATCH_FINAL) + row * paddedRows(config.hiddenSize) * 4, config.hiddenSize).slice();
  }

  get activeExperts(): Uint32Array {
    this.#assertLatest();
    const { engine, scratch, config } = this.#model;
    return engine.u32(this.#model.scratchAt(L.SCRATCH_ACTIVE), config.layers * this.rows * scratch.activeWords).slice();
  }

  #logitsAt(i: number): number {
    this.#assertLatest();
    if (!Number.isInteger(i) || i < 0 || i >= this.logitRows) throw new UsageError(`row ${i} has no logits; ${this.logitRows} rows have`, { field: "row" });
    return this.#model.scratchAt(L.SCRATCH_LOGITS) + i * this.#model.scratch.logitsStride * 4;
  }

  #assertLatest(): void {
    if (this.#model.latest !== this) throw new UsageError("another forward call of the model has come since; read a result before it", { field: "result" });
  }
}
