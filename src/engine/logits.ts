import { paddedRows } from "../../core/panel.ts";
import type { Arena } from "./arena.ts";

/** Room that the logits of one call may take; a model with a larger vocabulary gives fewer rows of them, MIN_LOGIT_ROWS at least. */
const MAX_LOGIT_BYTES = 32 * 2 ** 20;
const MIN_LOGIT_ROWS = 8;

/** Rows of a call of at most `maxChunk` rows that may ask for logits. */
export function maxLogitRows(vocabSize: number, maxChunk: number): number {
  const fit = Math.floor(MAX_LOGIT_BYTES / (4 * paddedRows(vocabSize)));
  return Math.min(maxChunk, Math.max(MIN_LOGIT_ROWS, fit));
}

/**
 * Where calls leave their logits. The room grows with what is asked for: most calls ask for one row, and a row of a large vocabulary is
 * large.
 * It is there while a sequence is.
 */
export class LogitRoom {
  /** Most rows of a call that may ask for logits. */
  readonly maxRows: number;
  readonly #arena: Arena;
  readonly #rowBytes: number;
  #at = 0;
  #rows = 0;
  #users = 0;

  constructor(arena: Arena, vocabSize: number, maxChunk: number) {
    this.#arena = arena;
    this.#rowBytes = paddedRows(vocabSize) * 4;
    this.maxRows = maxLogitRows(vocabSize, maxChunk);
  }

  /** Bytes of one row. */
  get rowBytes(): number {
    return this.#rowBytes;
  }

  /**
   * A sequence comes, some of whose rows will ask for logits: `rows` of a call have room from now on.
   * @throws MemoryError; nothing is taken then.
   */
  open(rows = 1): void {
    this.reserve(rows);
    this.#users++;
  }

  /** A sequence goes; the room does with the last one. */
  close(): void {
    if (--this.#users === 0) this.release();
  }

  /**
   * Address of f32 [rows, vocab padded], `rows` being at most maxRows. What a call left there may be lost.
   * @throws MemoryError when memory cannot grow: the room is then as it was.
   */
  reserve(rows: number): number {
    if (rows <= this.#rows) return this.#at;
    const more = Math.min(this.maxRows, 2 ** Math.ceil(Math.log2(rows)));
    const at = this.#arena.allocate(more * this.#rowBytes, `the logits of ${more} rows`);
    this.release();
    this.#at = at;
    this.#rows = more;
    return at;
  }

  /** Address of the i-th row that the last call left. */
  at(i: number): number {
    return this.#at + i * this.#rowBytes;
  }

  /** Gives the room back; the next call takes it anew. */
  release(): void {
    if (this.#rows > 0) this.#arena.release(this.#at, this.#rows * this.#rowBytes);
    this.#at = 0;
    this.#rows = 0;
  }
}
