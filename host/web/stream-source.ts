import { SourceError } from "../../src/errors.ts";
import type { ByteSource } from "../../src/format/source.ts";
import { checkRange } from "../range.ts";

const EMPTY = new Uint8Array(0);
/** What may be left of a file when its reader is done: padding. It is read to the end, so that a copy in a cache is whole. */
const MAX_TAIL = 4096;

/**
 * A stream as a model file: read once, from front to back, each chunk copied to its place and dropped. That is enough for
 * packed files, whose header, tokenizer and weights are asked for in this order, so no more than a chunk is in the heap.
 */
export class StreamSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly sequential = true;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #chunk: Uint8Array = EMPTY;
  #position = 0;
  #last: Promise<void> = Promise.resolve();

  /** @param size bytes of the whole stream; it must be known before */
  constructor(name: string, size: number, stream: ReadableStream<Uint8Array>) {
    this.name = name;
    this.size = size;
    this.#reader = stream.getReader();
  }

  /** Ranges must ascend; reads that are asked for at once are answered in the order they were asked in. */
  readInto(offset: number, target: Uint8Array): Promise<void> {
    const read = this.#last.then(() => this.#fill(offset, target));
    this.#last = read.catch(() => undefined);
    return read;
  }

  async close(): Promise<void> {
    await this.#last;
    try {
      if (this.size - this.#position < MAX_TAIL) while (await this.#next()) this.#take(this.#chunk.length);
      await this.#reader.cancel();
    } catch {
      // Nothing that was needed is missing.
    }
  }

  async #fill(offset: number, target: Uint8Array): Promise<void> {
    checkRange(this, offset, target.length);
    if (offset < this.#position) {
      throw new SourceError(`byte ${offset} was asked for after byte ${this.#position}; a stream cannot go back`, { file: this.name });
    }
    while (this.#position < offset) {
      await this.#need(offset);
      this.#take(Math.min(this.#chunk.length, offset - this.#position));
    }
    for (let done = 0; done < target.length;) {
      await this.#need(offset + target.length);
      const part = this.#chunk.subarray(0, target.length - done);
      target.set(part, done);
      done += part.length;
      this.#take(part.length);
    }
  }

  async #need(end: number): Promise<void> {
    if (await this.#next()) return;
    throw new SourceError(`ended at byte ${this.#position} of ${this.size}, before byte ${end}; it was cut short`, {
      file: this.name,
      limit: this.size,
    });
  }

  /** Makes sure that a chunk is there; false at the end. */
  async #next(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const { done, value } = await this.#read();
      if (done) return false;
      this.#chunk = value;
    }
    return true;
  }

  async #read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      return await this.#reader.read();
    } catch (cause) {
      if (cause instanceof SourceError) throw cause;
      throw new SourceError(`could not be read after byte ${this.#position}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        file: this.name,
        cause,
      });
    }
  }

  #take(count: number): void {
    this.#chunk = this.#chunk.subarray(count);
    this.#position += count;
  }
}
