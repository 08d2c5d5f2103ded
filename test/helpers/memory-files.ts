import { SourceError } from "../../src/errors.ts";
import type { ByteSource, ModelFiles } from "../../src/format/source.ts";

/** What was asked of a source: reads, their bytes in all, the largest, and whether it was closed. */
export interface SourceCounts {
  reads: number;
  bytesRead: number;
  largestRead: number;
  opened: number;
  closed: number;
}

export function newCounts(): SourceCounts {
  return { reads: 0, bytesRead: 0, largestRead: 0, opened: 0, closed: 0 };
}

/** A file in memory. Every read's target was allocated by the reader, so `counts` also measures its buffers. */
export class MemorySource implements ByteSource {
  readonly name: string;
  readonly counts: SourceCounts;
  readonly #bytes: Uint8Array;

  constructor(name: string, bytes: Uint8Array, counts: SourceCounts = newCounts()) {
    this.name = name;
    this.#bytes = bytes;
    this.counts = counts;
    counts.opened++;
  }

  get size(): number {
    return this.#bytes.length;
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    this.counts.reads++;
    this.counts.bytesRead += target.length;
    this.counts.largestRead = Math.max(this.counts.largestRead, target.length);
    if (!(offset >= 0 && offset + target.length <= this.#bytes.length)) {
      throw new SourceError(`bytes ${offset} to ${offset + target.length} are not in the file`, { file: this.name });
    }
    target.set(this.#bytes.subarray(offset, offset + target.length));
  }

  async close(): Promise<void> {
    this.counts.closed++;
  }
}

/** A folder in memory; all its sources share one `counts`. */
export class MemoryFiles implements ModelFiles {
  readonly name = "memory";
  readonly single = false;
  readonly counts = newCounts();
  readonly #files: ReadonlyMap<string, Uint8Array>;

  constructor(files: Readonly<Record<string, Uint8Array | string>>) {
    this.#files = new Map(
      Object.entries(files).map(([name, data]) => [name, typeof data === "string" ? new TextEncoder().encode(data) : data]),
    );
  }

  async open(path: string): Promise<MemorySource | undefined> {
    const bytes = this.#files.get(path);
    return bytes === undefined ? undefined : new MemorySource(path, bytes, this.counts);
  }
}
