// Where generated model files live, and how one comes to be written once.
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Raised when the generators change what they write, so that older files are not used. */
const GENERATION = 1;

/** The folder of generated files (BLOCKFFN_BENCH_CACHE, or one under the system's temporary folder). */
export const CACHE = process.env.BLOCKFFN_BENCH_CACHE ?? join(tmpdir(), "blockffn-bench-models");

/** The path of the cached file `stem.extension`. */
export const cachePath = (stem, extension) => join(CACHE, `${stem}-g${GENERATION}.${extension}`);

/** A file written front to back through one buffer. */
export class Sink {
  #fd;
  #buffer = Buffer.allocUnsafe(1 << 20);
  #used = 0;
  /** Bytes written so far. */
  position = 0;

  constructor(path) {
    this.#fd = openSync(path, "w");
  }

  /** Appends a Buffer or a typed array. */
  write(view) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.position += bytes.length;
    if (this.#used + bytes.length > this.#buffer.length) this.#flush();
    if (bytes.length > this.#buffer.length) return this.#writeAll(bytes);
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** Appends zeros up to a multiple of `alignment`. */
  pad(alignment) {
    this.write(new Uint8Array((alignment - (this.position % alignment)) % alignment));
  }

  #writeAll(bytes) {
    for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
  }

  #flush() {
    this.#writeAll(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  close() {
    this.#flush();
    closeSync(this.#fd);
  }
}

/** Makes `path` with `write(sink)` unless it is there; a half-written file never takes the final name. */
export function once(path, write) {
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  const sink = new Sink(partial);
  try {
    write(sink);
    sink.close();
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  return path;
}
