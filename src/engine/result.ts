import * as L from "../../core/layout/scratch.ts";
import { FormatError, UsageError } from "../errors.ts";
import { paddedRows } from "../../core/panel.ts";
import type { ModelMemory } from "./model-memory.ts";
import type { ForwardResult } from "./types.ts";

/** Some of a call's rows: `count` from the `first`-th on. */
export interface Stretch {
  readonly first: number;
  readonly count: number;
}

/** What a call left of the rows of one sequence: it is read from the engine's memory when it is asked for, and copied. */
export class RowsResult implements ForwardResult {
  readonly rows: number;
  readonly logitRows: number;
  readonly #model: ModelMemory;
  readonly #first: number;
  readonly #firstLogits: number;
  readonly #all: number;
  readonly #call: object;

  /** @param all rows of the whole call @param call stands for it: `model.latest` while its results are there */
  constructor(model: ModelMemory, rows: Stretch, logits: Stretch, all: number, call: object) {
    this.#model = model;
    this.#call = call;
    this.rows = rows.count;
    this.logitRows = logits.count;
    this.#first = rows.first;
    this.#firstLogits = logits.first;
    this.#all = all;
  }

  logits(i: number): Float32Array {
    return this.#model.engine.f32(this.#logitsAt(i), this.#model.config.vocabSize).slice();
  }

  withLogits<T>(i: number, use: (logits: Float32Array) => T): T {
    return use(this.#model.engine.f32(this.#logitsAt(i), this.#model.config.vocabSize));
  }

  argmax(i: number): number {
    const id = this.#model.engine.exports.argmax(this.#logitsAt(i), this.#model.config.vocabSize);
    if (id < 0)
      throw new FormatError("the model computed NaN logits: its weights are damaged or overflow", {
        file: this.#model.name,
        field: "logits",
      });
    return id;
  }

  hidden(row: number): Float32Array {
    this.#assertLatest();
    if (!Number.isInteger(row) || row < 0 || row >= this.rows)
      throw new UsageError(`the chunk has ${this.rows} rows, not row ${row}`, { field: "row", limit: this.rows - 1 });
    const { config, engine } = this.#model;
    return engine
      .f32(this.#model.scratchAt(L.SCRATCH_FINAL) + (this.#first + row) * paddedRows(config.hiddenSize) * 4, config.hiddenSize)
      .slice();
  }

  get activeExperts(): Uint32Array {
    this.#assertLatest();
    const { engine, scratch, config } = this.#model;
    const words = scratch.activeWords;
    const masks = engine.u32(this.#model.scratchAt(L.SCRATCH_ACTIVE), config.layers * this.#all * words);
    if (this.rows === this.#all) return masks.slice();
    const own = new Uint32Array(config.layers * this.rows * words);
    for (let layer = 0; layer < config.layers; layer++) {
      const at = (layer * this.#all + this.#first) * words;
      own.set(masks.subarray(at, at + this.rows * words), layer * this.rows * words);
    }
    return own;
  }

  #logitsAt(i: number): number {
    this.#assertLatest();
    if (!Number.isInteger(i) || i < 0 || i >= this.logitRows)
      throw new UsageError(`row ${i} has no logits; ${this.logitRows} rows have`, { field: "row" });
    return this.#model.logits.at(this.#firstLogits + i);
  }

  #assertLatest(): void {
    if (this.#model.latest !== this.#call)
      throw new UsageError("another forward call of the model has come since; read a result before it", { field: "result" });
  }
}
