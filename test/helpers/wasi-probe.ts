import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { root } from "./test-host.ts";

interface Exports {
  readonly memory: WebAssembly.Memory;
  reservePages(bytes: number): number;
  releasePages(at: number, bytes: number): void;
  failure(): number;
  outputAt(): number;
  outputLength(): number;
  describe(
    json: number,
    length: number,
    type: number,
    descriptor: number,
    layers: number,
    frequencies: number,
    scratch: number,
    weights: number,
  ): number;
  loadTokenizer(json: number, length: number): void;
  encode(text: number, length: number): void;
  decode(ids: number, count: number, continuation: number): void;
  parseNumber(json: number, length: number): number;
  characterClass(code: number): number;
  composed(code: number): number;
  /** Of probe-generation.ts. */
  begin(at: number, length: number, token: number): void;
  next(): number;
}

/** standalone's parts, compiled for tests (standalone/probe.ts). */
export class WasiProbe {
  readonly exports: Exports;

  private constructor(exports: Exports) {
    this.exports = exports;
  }

  static async create(file = "probe.ts"): Promise<WasiProbe> {
    let binary: Uint8Array<ArrayBuffer> | undefined;
    const { error, stderr } = await asc.main(
      [
        `standalone/${file}`,
        "--config",
        "none",
        "--runtime",
        "minimal",
        "--enable",
        "simd",
        "--memoryBase",
        "1024",
        "--outFile",
        "probe.wasm",
        "--baseDir",
        root,
      ],
      {
        readFile: (name, base) => {
          try {
            return readFileSync(join(base, name), "utf8");
          } catch {
            return null;
          }
        },
        writeFile: (_name, contents) => void (typeof contents !== "string" && (binary = new Uint8Array(contents))),
        listFiles: () => [],
      },
    );
    if (error !== null || binary === undefined) throw new Error(`the probe did not compile: ${stderr.toString()}`);
    const abort = (): never => {
      throw new Error("the probe aborted");
    };
    const { instance } = await WebAssembly.instantiate(binary, { env: { abort } });
    return new WasiProbe(instance.exports as unknown as Exports);
  }

  /** Copies bytes into fresh pages. */
  put(bytes: Uint8Array): number {
    const at = this.exports.reservePages(bytes.length) >>> 0;
    this.check();
    new Uint8Array(this.exports.memory.buffer, at, bytes.length).set(bytes);
    return at;
  }

  /** Calls `use` with a copy of the bytes, which is gone afterwards. @throws Error with the failure's text */
  with<T>(bytes: Uint8Array, use: (at: number, length: number) => T): T {
    const at = this.put(bytes);
    const result = use(at, bytes.length);
    this.exports.releasePages(at, bytes.length);
    this.check();
    return result;
  }

  /** The bytes that the last call left. */
  output(): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, this.exports.outputAt(), this.exports.outputLength()).slice();
  }

  /** @throws Error with the text of a failure that is pending */
  check(): void {
    if (this.exports.failure() !== 0) throw new Error(new TextDecoder().decode(this.output()));
  }
}
