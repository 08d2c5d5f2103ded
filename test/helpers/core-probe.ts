import { WasiProbe } from "./wasi-probe.ts";

interface Exports {
  sizes(type: number, rows: number, cols: number): void;
  checksum(a: number, b: number, length: number): void;
  exponential(x: number): number;
  randoms(seed: number, count: number): void;
  sample(
    logits: number,
    size: number,
    temperature: number,
    topK: number,
    topP: number,
    minP: number,
    penalty: number,
    seed: number,
    count: number,
  ): void;
  configure(json: number, length: number): void;
  plan(quantization: number, draft: number): void;
  describe(quantization: number, dense: number, base: number): void;
  scratch(threads: number, most: number, at: number, weightBytes: number): void;
  place(capacity: number, threads: number, scratchBytes: number, weightBytes: number, base: number, weightsAt: number): void;
  search(quantization: number, stop: number): void;
}

/** core/ as AssemblyScript makes it (standalone/probe-core.ts). */
export class CoreProbe {
  readonly exports: Exports;
  readonly #probe: WasiProbe;

  private constructor(probe: WasiProbe) {
    this.#probe = probe;
    this.exports = probe.exports as unknown as Exports;
  }

  static async start(): Promise<CoreProbe> {
    return new CoreProbe(await WasiProbe.create("probe-core.ts"));
  }

  /** Calls `use` with a copy of the bytes. @throws Error with the failure's text */
  with(bytes: Uint8Array, use: (at: number, length: number) => void): void {
    this.#probe.with(bytes, use);
  }

  output(): Buffer {
    return Buffer.from(this.#probe.output());
  }

  /** The output as f64. */
  floats(): number[] {
    const bytes = this.output();
    return Array.from({ length: bytes.length >> 3 }, (_, i) => bytes.readDoubleLE(8 * i));
  }
}

/** What the probe would put out. */
export class Output {
  readonly #parts: Buffer[] = [];

  put(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(bytes);
  }

  text(value: string): void {
    this.#parts.push(Buffer.from(value));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
