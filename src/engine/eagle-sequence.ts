import * as L from "../../core/layout/scratch.ts";
import { FormatError, LimitError, UsageError } from "../errors.ts";
import { KvCache } from "./cache.ts";
import type { DraftSequence, DraftTop, EagleChunk } from "./draft-head.ts";
import type { HeadMemory } from "./model-memory.ts";
import { paddedRows } from "../../core/panel.ts";
import { checkMask, checkPosition, checkTokens } from "./row-checks.ts";
import { RowWriter } from "./row-writer.ts";

/** Most tokens that a row's top-k may ask for. */
export const MAX_TOP = 64;

/** An EAGLE head's cache for one sequence. Rows are written where the chunk says; what is beyond is scratch. */
export class EagleSequence implements DraftSequence {
  readonly capacity: number;
  readonly #head: HeadMemory;
  readonly #cache: KvCache;
  readonly #onDispose: () => void;
  #logitRows = 0;
  #rows = 0;
  #disposed = false;

  constructor(head: HeadMemory, capacity: number, onDispose: () => void) {
    this.#onDispose = onDispose;
    this.#head = head;
    this.capacity = capacity;
    this.#cache = new KvCache(
      head.base.engine,
      head.base.arena,
      head.config,
      capacity,
      head.base.threads,
      `an EAGLE cache for ${capacity} tokens`,
    );
  }

  /**
   * Runs a chunk of 1..head.maxChunk rows. `hidden` and `top` then tell of it, until the next call on any sequence of the head; asking
   * later is a UsageError. Takes no memory.
   * @throws LimitError when rows do not fit into the cache or the chunk; UsageError for values that make no chunk.
   */
  forward(chunk: EagleChunk): void {
    this.#assertAlive();
    this.#check(chunk);
    const head = this.#head;
    const { engine } = head.base;
    const n = chunk.tokens.length;
    const stride = paddedRows(head.config.hiddenSize);
    const logitRows = chunk.logits === "all" ? n : chunk.logits === "last" ? 1 : 0;
    if (logitRows > head.logits.maxRows) {
      throw new LimitError(`${logitRows} rows ask for logits; at most ${head.logits.maxRows} can have them`, {
        field: "logits",
        limit: head.logits.maxRows,
      });
    }
    const { descriptor } = head.addresses;
    const logits = head.logits.reserve(logitRows);
    const writer = new RowWriter(engine, head.scratchAt(L.SCRATCH_ROWS), n, head.scratchAt(L.SCRATCH_LOGIT_ROWS), logitRows);
    const hidden = engine.f32(head.hidden, n * stride);
    for (let i = 0; i < n; i++) {
      const mask = chunk.masks[i] as bigint;
      writer.add(chunk.tokens[i] as number, this.#cache.address, chunk.positions[i] as number, chunk.at + i, chunk.visible, mask);
      hidden.set(chunk.hidden[i] as Float32Array, i * stride);
    }
    head.latest = undefined;
    for (let row = n - logitRows; row < n; row++) writer.wantLogits(row);
    engine.run(n, () => engine.exports.eagleForward(descriptor, n, logitRows, logits));
    head.latest = this;
    this.#rows = n;
    this.#logitRows = logitRows;
  }

  /** A copy of the head's output at a row of the last chunk `[hidden]`. */
  hidden(row: number): Float32Array {
    this.#assertLatest();
    if (!Number.isInteger(row) || row < 0 || row >= this.#rows)
      throw new UsageError(`the chunk has ${this.#rows} rows, not row ${row}`, { field: "row" });
    const { config, base } = this.#head;
    return base.engine.f32(this.#head.scratchAt(L.SCRATCH_FINAL) + row * paddedRows(config.hiddenSize) * 4, config.hiddenSize).slice();
  }

  /**
   * The k best draft tokens (at most MAX_TOP) of the i-th row that has logits; equal ones by ascending id. Asking twice for a row gives
   * the same.
   * @throws FormatError when the head computed NaN.
   */
  top(i: number, k: number): DraftTop {
    this.#assertAlive();
    this.#assertLatest();
    const head = this.#head;
    if (!Number.isInteger(i) || i < 0 || i >= this.#logitRows)
      throw new UsageError(`row ${i} has no logits; ${this.#logitRows} rows have`, { field: "row" });
    if (!Number.isInteger(k) || k < 1 || k > MAX_TOP)
      throw new UsageError(`k must be a whole number from 1 to ${MAX_TOP}`, { field: "k", limit: MAX_TOP });
    const { engine } = head.base;
    const found = engine.exports.logSoftmaxTopK(head.logits.at(i), head.config.vocabSize, k, head.topRow, head.topIndices, head.topValues);
    const ids = engine.u32(head.topIndices, found).slice();
    const values = engine.f32(head.topValues, found).slice();
    if (found === 0 || values.some((value) => !(value <= 0)))
      throw new FormatError("the head computed NaN: its weights are damaged or overflow", { file: head.name, field: "logits" });
    return { ids, values };
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#cache.release();
    this.#onDispose();
  }

  #assertLatest(): void {
    if (this.#head.latest !== this)
      throw new UsageError("another sequence of the EAGLE head has run since, or none; ask before it does", { field: "row" });
  }

  #assertAlive(): void {
    this.#head.assertAlive();
    if (this.#disposed) throw new UsageError("the EAGLE sequence is disposed");
  }

  #check({ tokens, hidden, positions, masks, at, visible }: EagleChunk): void {
    const n = tokens.length;
    const { config, base } = this.#head;
    const { maxChunk } = this.#head.scratch;
    if (n < 1 || n > maxChunk) throw new LimitError(`${n} tokens in one chunk; 1 to ${maxChunk}`, { field: "tokens", limit: maxChunk });
    if (hidden.length !== n || positions.length !== n || masks.length !== n)
      throw new UsageError(`${n} tokens need as many hidden states, positions and masks`, { field: "hidden" });
    if (!Number.isInteger(at) || !Number.isInteger(visible) || visible < 0 || visible > at)
      throw new UsageError("rows must go after those that all see", { field: "visible" });
    if (at + n > this.capacity)
      throw new LimitError(`rows to ${at + n} do not fit into ${this.capacity}; ask for a larger capacity`, {
        field: "capacity",
        limit: this.capacity,
      });
    checkTokens(tokens, base.config.vocabSize);
    for (let i = 0; i < n; i++) {
      checkPosition(positions[i] as number, `positions[${i}]`);
      if (hidden[i]?.length !== config.hiddenSize)
        throw new UsageError(`a hidden state has ${config.hiddenSize} values`, { field: `hidden[${i}]` });
      checkMask(masks[i] as bigint, at - visible + i, `masks[${i}]`);
    }
  }
}
