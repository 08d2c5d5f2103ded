import { LAYOUT_VERSION } from "../../assembly/layout.ts";
import { BlockFFNError, LimitError } from "../errors.ts";

const PAGE = 65536;
/** wasm32 addresses 4 GiB. */
const MAX_PAGES = 65536;
/** The last page stays out: the address past a buffer's end would be 0 there, and a loop up to it would not run. */
const USABLE_PAGES = MAX_PAGES - 1;

/** The engine's exports; kernels are described in assembly/kernels/scalar/, the rest in assembly/model/. */
export interface EngineExports {
  /** An i32: `>>> 0` makes it an address. */
  heapBase(): number;
  layoutVersion(): number;
  forward(model: number, sequence: number, n: number, base: number, logits: number): void;
  eagleForward(eagle: number, sequence: number, n: number, base: number, visible: number, logits: number): void;
  logSoftmaxTopK(x: number, count: number, k: number, temporary: number, indices: number, values: number): number;
  gatherRows(matrix: number, ids: number, count: number, out: number): void;
  ffnBranch(model: number, sequence: number, n: number, layer: number): void;
  compact(model: number, sequence: number, base: number, path: number, count: number): void;
  ropeFrequencies(theta: number, dim: number, out: number): void;
  matrixBytes(type: number, rows: number, cols: number): number;
  finiteFloats(p: number, count: number): number;
  finiteScales(p: number, panels: number, panelBytes: number, groups: number, groupBytes: number): number;
  argmax(x: number, count: number): number;
  topK(x: number, count: number, k: number, indices: number, values: number): number;
  softmax(x: number, count: number): void;
  exp(x: number): number;
  matmulF32(w: number, rows: number, cols: number, x: number, xStride: number, xi: number, n: number, y: number, yStride: number, yi: number, accumulate: number): void;
  matmulQ8(w: number, rows: number, cols: number, x: number, xStride: number, xScale: number, xSums: number, sumsStride: number, xi: number, n: number, y: number, yStride: number, yi: number, accumulate: number): void;
  matmulQ4(w: number, rows: number, cols: number, x: number, xStride: number, xScale: number, xSums: number, sumsStride: number, xi: number, n: number, y: number, yStride: number, yi: number, accumulate: number): void;
  quantize(x: number, xStride: number, n: number, cols: number, q: number, qStride: number, scales: number, sums: number, sumsStride: number): void;
  rmsNorm(x: number, weight: number, cols: number, eps: number, out: number): void;
  siluScale(h: number, cols: number, s: number): void;
  siluMul(gate: number, up: number, cols: number): void;
  addScaled(x: number, b: number, cols: number, s: number): void;
  scale(x: number, cols: number, s: number, out: number): void;
  attentionScores(q: number, keys: number, stride: number, count: number, dim: number, scale: number, scores: number): void;
  attentionMix(weights: number, values: number, stride: number, count: number, dim: number, out: number): void;
  rope(x: number, cos: number, sin: number, half: number): void;
}

/** An engine instance and its linear memory. Views die when memory grows: ask for them again after `reserve`. */
export class Engine {
  readonly exports: EngineExports;
  readonly memory: WebAssembly.Memory;
  readonly #name: string;

  private constructor(exports: EngineExports, memory: WebAssembly.Memory, name: string) {
    this.exports = exports;
    this.memory = memory;
    this.#name = name;
  }

  /** Instantiates a compiled engine over fresh memory; `name` is the model's, for errors. */
  static async create(module: WebAssembly.Module, name = "engine"): Promise<Engine> {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES });
    const abort = (): never => {
      throw new BlockFFNError("the engine aborted; please report this");
    };
    const instance = await WebAssembly.instantiate(module, { env: { memory, abort } });
    const exports = instance.exports as unknown as EngineExports;
    if (exports.layoutVersion() !== LAYOUT_VERSION) {
      throw new BlockFFNError(`the engine was built for layout ${exports.layoutVersion()}, this host for ${LAYOUT_VERSION}: run npm run build`);
    }
    return new Engine(exports, memory, name);
  }

  /**
   * Grows memory so that addresses below `end` exist.
   * @throws LimitError beyond 4 GiB, or when the runtime refuses.
   */
  reserve(end: number, what: string): void {
    const have = this.memory.buffer.byteLength;
    if (end <= have) return;
    const pages = Math.ceil(end / PAGE);
    if (pages > USABLE_PAGES) {
      throw new LimitError(`${what} would need ${end} bytes of WebAssembly memory; wasm32 has 4 GiB. Use a smaller model, a lower quantisation or a shorter context`, { file: this.#name, field: what, limit: USABLE_PAGES * PAGE });
    }
    try {
      this.memory.grow(pages - have / PAGE);
    } catch (cause) {
      throw new LimitError(`the runtime refused ${end} bytes of memory for ${what}; free memory or use a smaller model or context`, { file: this.#name, field: what, limit: end, cause });
    }
  }

  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length);
  }

  f32(at: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, length);
  }

  u32(at: number, length: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, at, length);
  }
}
