import { SourceError } from "../errors.ts";
import type { ByteSource } from "../format/source.ts";

/** Bytes read at a time, and reads under way at once: where the host can, they go on in parallel. */
const READ_BYTES = 2 ** 22;
const READS_AT_ONCE = 4;
/** Of streams, which mostly come from afar: progress shows after each. */
const STREAM_BYTES = 2 ** 18;
/** The first read of a whole file: in most, all of its header, which is then there early. */
const HEADER_BYTES = 2 ** 16;

/**
 * A stretch of a file on its way into memory, range after range. As a source it gives what has arrived, so a file's header can be
 * looked at while the rest is read.
 */
export class FileRead implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly memory: WebAssembly.Memory;
  readonly #source: ByteSource;
  readonly #start: number;
  readonly #at: number;
  readonly #bytes: number;
  /** End of each range, from the start of the stretch, and its read. */
  readonly #ends: number[] = [];
  readonly #reads: Promise<void>[] = [];
  readonly #onProgress: ((done: number, total: number) => void) | undefined;
  #done = 0;
  #stopped = false;
  #failure: unknown;

  /** Begins to read `bytes` bytes of the file, from `start` on, to address `at`. The memory must not grow before `stop` has resolved. */
  constructor(
    source: ByteSource,
    {
      start,
      bytes,
      memory,
      at,
    }: { readonly start: number; readonly bytes: number; readonly memory: WebAssembly.Memory; readonly at: number },
    onProgress?: (done: number, total: number) => void,
  ) {
    this.name = source.name;
    this.size = source.size;
    this.memory = memory;
    this.#source = source;
    this.#start = start;
    this.#at = at;
    this.#bytes = bytes;
    this.#onProgress = onProgress;
    const step = source.sequential === true ? STREAM_BYTES : READ_BYTES;
    for (let from = 0, to = Math.min(start === 0 ? HEADER_BYTES : step, bytes); from < bytes; from = to, to = Math.min(to + step, bytes)) {
      // The first comes alone: many would keep all cores from whoever waits for it.
      const before = this.#reads[this.#reads.length - READS_AT_ONCE] ?? this.#reads[0] ?? Promise.resolve();
      const read = before.then(() => this.#read(from, to));
      // Told by whoever waits for it.
      read.catch(() => undefined);
      this.#ends.push(to);
      this.#reads.push(read);
    }
  }

  /** Where a byte of the file goes. */
  addressOf(offset: number): number {
    return this.#at + offset - this.#start;
  }

  /** End of the stretch, in the file. */
  get end(): number {
    return this.#start + this.#bytes;
  }

  /** Calls `onEnd` with the end, in the file, of what is there without a gap, whenever that is more. @throws what a read throws. */
  async each(onEnd: (offset: number) => void): Promise<void> {
    for (let i = 0; i < this.#reads.length; i++) {
      await this.#reads[i];
      onEnd(this.#start + (this.#ends[i] as number));
    }
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    const at = offset - this.#start;
    const end = at + target.length;
    if (!(Number.isSafeInteger(offset) && at >= 0 && end <= this.#bytes)) {
      throw new SourceError(`bytes ${offset} to ${offset + target.length} were asked for, but the file has ${this.size}`, {
        file: this.name,
        limit: this.size,
      });
    }
    for (let i = 0; (i === 0 ? 0 : (this.#ends[i - 1] as number)) < end; i++) await this.#reads[i];
    target.set(this.#view(at, end));
  }

  /** Starts no further range; resolves when none is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#reads);
  }

  /** Closes nothing: the file belongs to whoever opened it. */
  async close(): Promise<void> {
    await this.stop();
  }

  async #read(from: number, to: number): Promise<void> {
    if (this.#stopped) throw this.#failure ?? new SourceError("is not read any further", { file: this.name });
    try {
      await this.#source.readInto(this.#start + from, this.#view(from, to));
    } catch (error) {
      this.#stopped = true;
      this.#failure ??= error;
      throw error;
    }
    this.#done += to - from;
    this.#onProgress?.(this.#done, this.#bytes);
  }

  /** Bytes of the stretch in memory, as they lie there now. */
  #view(from: number, to: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.#at + from, to - from);
  }
}
