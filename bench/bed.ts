import { BLOCK_COLS, WEIGHT_Q4 as Q4, WEIGHT_Q8 as Q8 } from "../core/layout/matrix.ts";
import { READ_AHEAD } from "../core/layout/memory.ts";
import { matrixBytes, paddedRows } from "../core/panel.ts";
import type { Engine } from "../src/engine/engine.ts";
import type { EngineExports } from "../src/engine/exports.ts";
import { PRODUCT_ROOM, writeProduct, type ProductFields } from "../src/engine/product.ts";
import { fillMatrix } from "../synthetic/model.ts";
import { fillRandom, fillUniform } from "../synthetic/random.ts";

/** An engine and a bump allocator; everything it hands out is written first. */
export class Bed {
  readonly run: EngineExports;
  readonly #engine: Engine;
  #top: number;

  /** @param start first byte that it may use; default: of all memory */
  constructor(engine: Engine, start = engine.exports.heapBase() >>> 0) {
    this.#engine = engine;
    this.run = engine.exports;
    this.#top = start;
  }

  random(bytes: number): number {
    const at = this.#take(bytes);
    fillRandom(this.#engine.u32(at, Math.ceil(bytes / 4)), at);
    return at;
  }

  uniform(count: number, scale = 1): number {
    const at = this.#take(count * 4);
    fillUniform(this.#engine.f32(at, count), at, scale);
    return at;
  }

  iota(count: number): number {
    const at = this.#take(count * 4);
    const words = this.#engine.u32(at, count);
    for (let i = 0; i < count; i++) words[i] = i;
    return at;
  }

  weights(type: number, rows: number, cols: number): number {
    const at = this.#take(matrixBytes(type, rows, cols));
    fillMatrix(this.#engine, at, type, rows, cols, at);
    return at;
  }

  product(fields: ProductFields): number {
    return writeProduct(this.#engine.memory, this.#take(PRODUCT_ROOM), fields);
  }

  /** A product of the weights at `w` and `n` random rows, prepared for the kernel. */
  rowsProduct(w: number, type: number, rows: number, cols: number, n: number, accumulate = false): number {
    const blocks = Math.ceil(cols / BLOCK_COLS);
    const yStride = paddedRows(rows) * 4;
    const iota = this.iota(n);
    const y = this.uniform((n * yStride) / 4);
    const x = this.uniform(n * cols);
    const q = this.random(n * blocks * 64);
    const scales = this.uniform(n);
    const sums = this.random(n * blocks * 4);
    if (type === Q8 || type === Q4)
      this.run[type === Q8 ? "quantizeQ8" : "quantizeQ4"](x, cols * 4, n, cols, q, blocks * 64, scales, sums, blocks * 4);
    return this.product({
      w,
      rows,
      cols,
      x,
      xStride: cols * 4,
      q,
      qStride: blocks * 64,
      scales,
      sums,
      sumsStride: blocks * 4,
      xi: iota,
      n,
      y,
      yStride,
      yi: iota,
      accumulate,
    });
  }

  #take(bytes: number): number {
    const at = Math.ceil(this.#top / 64) * 64;
    this.#top = at + bytes + 64;
    this.#engine.reserve(this.#top + READ_AHEAD, "bench");
    return at;
  }
}
