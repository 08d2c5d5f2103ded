import { READ_AHEAD } from "../../assembly/layout.ts";
import type { Tier } from "../../src/host.ts";
import { Engine } from "../../src/engine/engine.ts";
import { engineModule } from "./test-host.ts";

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
