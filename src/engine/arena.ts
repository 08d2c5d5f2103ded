import { UsageError } from "../errors.ts";
import type { Engine } from "./engine.ts";
import { mostBytes } from "./memory.ts";
import { alignUp } from "../../core/numbers.ts";

const ALIGN = 64;

interface Span {
  at: number;
  bytes: number;
}

/** Blocks of linear memory for things that come and go (KV caches): first fit over freed blocks, else memory grows. */
export class Arena {
  readonly #engine: Engine;
  readonly #start: number;
  readonly #free: Span[] = [];
  #end: number;
  #used = 0;

  /** @param start first byte that the arena may use. */
  constructor(engine: Engine, start: number) {
    this.#engine = engine;
    this.#start = alignUp(start, ALIGN);
    this.#end = this.#start;
  }

  /** Bytes of all blocks that are taken. */
  get used(): number {
    return this.#used;
  }

  /** Whether memory can ever grow so far that blocks of these sizes are there together, and nothing else. */
  couldHold(...blocks: readonly number[]): boolean {
    const needed = blocks.reduce((sum, bytes) => sum + alignUp(Math.max(bytes, 1), ALIGN), this.#start);
    return needed <= mostBytes(this.#engine.memory);
  }

  /** A block of `bytes`, 64-byte aligned, not cleared. Memory may move. @throws MemoryError when it cannot grow; nothing is taken then. */
  allocate(bytes: number, what: string): number {
    const size = alignUp(Math.max(bytes, 1), ALIGN);
    const fit = this.#free.findIndex((span) => span.bytes >= size);
    const span = this.#free[fit];
    const at = span?.at ?? this.#end;
    // Asked for also where it is there: a memory that shall move at every allocation then does.
    this.#engine.reserve(at + size, what);
    this.#used += size;
    if (span === undefined) {
      this.#end = at + size;
      return at;
    }
    span.at += size;
    span.bytes -= size;
    if (span.bytes === 0) this.#free.splice(fit, 1);
    return at;
  }

  /** Gives a block back; `bytes` as it was asked for. */
  release(at: number, bytes: number): void {
    const size = alignUp(Math.max(bytes, 1), ALIGN);
    let i = this.#free.findIndex((span) => span.at > at);
    if (i < 0) i = this.#free.length;
    const before = this.#free[i - 1];
    const after = this.#free[i];
    if ((before !== undefined && before.at + before.bytes > at) || (after !== undefined && at + size > after.at)) {
      throw new UsageError("a memory block was released twice");
    }
    this.#used -= size;
    this.#free.splice(i, 0, { at, bytes: size });
    this.#merge(i);
    this.#merge(i - 1);
    const last = this.#free[this.#free.length - 1];
    if (last !== undefined && last.at + last.bytes === this.#end) {
      this.#end = last.at;
      this.#free.pop();
    }
  }

  #merge(i: number): void {
    const a = this.#free[i];
    const b = this.#free[i + 1];
    if (a === undefined || b === undefined || a.at + a.bytes !== b.at) return;
    a.bytes += b.bytes;
    this.#free.splice(i + 1, 1);
  }
}
