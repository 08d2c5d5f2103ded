import { READ_AHEAD } from "../../core/layout/memory.ts";
import type { Tier } from "../../src/host.ts";
import { matrixBytes, panelBytes } from "../../core/panel.ts";
import { packPanel } from "../../src/format/packed/quantize.ts";
import { Engine } from "../../src/engine/engine.ts";
import { PRODUCT_ROOM, writeProduct, type ProductFields } from "../../src/engine/product.ts";
import { engineModule } from "./test-host.ts";

export type ProductKernel = "matmulF32" | "matmulBF16" | "matmulQ8" | "matmulQ4";

/** An engine with a bump allocator over its memory, for calling kernels one by one. */
export class KernelBench {
  readonly engine: Engine;
  readonly tier: Tier;
  #top: number;

  private constructor(engine: Engine, tier: Tier) {
    this.engine = engine;
    this.tier = tier;
    this.#top = engine.exports.heapBase() >>> 0;
  }

  static async create(tier: Tier): Promise<KernelBench> {
    return new KernelBench(await Engine.create(engineModule(tier)), tier);
  }

  get run() {
    return this.engine.exports;
  }

  /** Address of `bytes` fresh bytes, filled with 0xa5 so that unwritten results show. */
  space(bytes: number): number {
    const at = Math.ceil(this.#top / 64) * 64;
    this.#top = at + bytes;
    this.engine.reserve(this.#top + READ_AHEAD, "test");
    this.engine.bytes(at, bytes).fill(0xa5);
    return at;
  }

  put(data: Float32Array | Uint32Array | Int16Array | Uint8Array): number {
    const at = this.space(data.byteLength);
    this.engine.bytes(at, data.byteLength).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return at;
  }

  /** Runs a product. */
  multiply(kernel: ProductKernel, product: ProductFields): void {
    this.run[kernel](writeProduct(this.engine.memory, this.space(PRODUCT_ROOM), product));
  }

  floats(at: number, count: number): Float32Array {
    return this.engine.f32(at, count).slice();
  }
}

/** Seeded numbers, about normal (Irwin-Hall of 6), standard deviation `scale`. */
export function normals(count: number, seed: number, scale = 1): Float32Array {
  let s = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) | 1;
  const next = (): number => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return (s >>> 0) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => (next() + next() + next() + next() + next() + next() - 3) * Math.SQRT2 * scale);
}

/** The bits of floats, for exact comparison. */
export function bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Packs a whole matrix as a conversion does. */
export function packMatrix(type: number, w: Float32Array, rows: number, cols: number): Uint8Array {
  const out = new Uint8Array(matrixBytes(type, rows, cols));
  for (let r = 0; r < rows; r += 16) {
    const count = Math.min(16, rows - r);
    out.set(packPanel(type, w.subarray(r * cols, (r + count) * cols), count, cols), (r / 16) * panelBytes(type, cols));
  }
  return out;
}
