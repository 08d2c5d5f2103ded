import type { Vocabulary } from "./vocabulary.ts";

/** Places of a word fit below a rank in one float64. */
const PLACES = 2 ** 24;
/** A symbol that was merged into the one before it. */
const GONE = -1;

/**
 * Byte pair encoding (Sennrich et al., arXiv 1508.07909) of one sequence of symbols: of all pairs that merge, the one that
 * is listed first goes first, the leftmost of its places first. O(n log n), and in steps, so that a caller can stop between.
 */
export class Merger {
  readonly #vocabulary: Vocabulary;
  #symbols = new Int32Array(64);
  #previous = new Int32Array(64);
  #following = new Int32Array(64);
  /** Binary heap of possible merges: rank * PLACES + place. */
  #heap = new Float64Array(192);
  #size = 0;
  #count = 0;
  /** Symbols whose merge with the next one was offered. */
  #offered = 0;

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** Begins a sequence. */
  begin(symbols: readonly number[]): void {
    const count = symbols.length;
    if (count > this.#symbols.length) {
      this.#symbols = new Int32Array(count);
      this.#previous = new Int32Array(count);
      this.#following = new Int32Array(count);
      // Each symbol offers one merge, each merge two more, and there are fewer merges than symbols.
      this.#heap = new Float64Array(3 * count);
    }
    this.#size = 0;
    this.#offered = 0;
    this.#count = count;
    for (let i = 0; i < count; i++) {
      this.#symbols[i] = symbols[i]!;
      this.#previous[i] = i - 1;
      this.#following[i] = i + 1 < count ? i + 1 : -1;
    }
  }

  /** Offers, then takes, at most so many merges; true when all are done. */
  run(steps: number): boolean {
    let left = steps;
    for (; left > 0 && this.#offered + 1 < this.#count; left--) this.#offer(this.#offered, ++this.#offered);
    for (; left > 0 && this.#size > 0; left--) this.#merge(this.#pop());
    return this.#size === 0 && this.#offered + 1 >= this.#count;
  }

  /** Appends the ids that are left. */
  read(out: number[]): void {
    for (let i = 0; i >= 0 && i < this.#count; i = this.#following[i]!) out.push(this.#symbols[i]!);
  }

  #offer(left: number, right: number): void {
    if (left < 0 || right < 0) return;
    const rank = this.#vocabulary.rank(this.#symbols[left]!, this.#symbols[right]!);
    if (rank >= 0) this.#push(rank * PLACES + left);
  }

  #merge(entry: number): void {
    const rank = Math.floor(entry / PLACES);
    const left = entry - rank * PLACES;
    const right = this.#following[left]!;
    // Its symbols may have gone into other merges since it was offered.
    if (this.#symbols[left] === GONE || right < 0 || this.#vocabulary.rank(this.#symbols[left]!, this.#symbols[right]!) !== rank) return;
    this.#symbols[left] = this.#vocabulary.result(rank);
    this.#symbols[right] = GONE;
    const after = this.#following[right]!;
    this.#following[left] = after;
    if (after >= 0) this.#previous[after] = left;
    this.#offer(this.#previous[left]!, left);
    this.#offer(left, after);
  }

  #push(entry: number): void {
    const heap = this.#heap;
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]! <= entry) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): number {
    const heap = this.#heap;
    const top = heap[0]!;
    const size = --this.#size;
    const last = heap[size]!;
    let i = 0;
    while (2 * i + 1 < size) {
      let child = 2 * i + 1;
      if (child + 1 < size && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
