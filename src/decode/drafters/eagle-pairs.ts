/** What an EAGLE head reads: a token, the base model's hidden state before it, and the position of that state. */
export interface Pairs {
  readonly tokens: number[];
  readonly hidden: Float32Array[];
  readonly positions: number[];
}

/** Accepted pairs that the head has not read yet: room for a fixed number, made with the first one. */
export class PairQueue {
  readonly limit: number;
  readonly #width: number;
  #tokens = new Uint32Array(0);
  #positions = new Uint32Array(0);
  #states = new Float32Array(0);
  #length = 0;

  constructor(limit: number, width: number) {
    this.limit = limit;
    this.#width = width;
  }

  get length(): number {
    return this.#length;
  }

  /** Copies a pair; there must be room. */
  push(token: number, state: Float32Array, position: number): void {
    if (this.#tokens.length === 0) {
      this.#tokens = new Uint32Array(this.limit);
      this.#positions = new Uint32Array(this.limit);
      this.#states = new Float32Array(this.limit * this.#width);
    }
    this.#tokens[this.#length] = token;
    this.#positions[this.#length] = position;
    this.#states.set(state, this.#length * this.#width);
    this.#length++;
  }

  /** Forgets the oldest half. */
  dropHalf(): void {
    const from = this.#length - (this.#length >> 1);
    this.#tokens.copyWithin(0, from, this.#length);
    this.#positions.copyWithin(0, from, this.#length);
    this.#states.copyWithin(0, from * this.#width, this.#length * this.#width);
    this.#length -= from;
  }

  clear(): void {
    this.#length = 0;
  }

  /** All pairs, as views that live until the next `push`. */
  all(): Pairs {
    const n = this.#length;
    return {
      tokens: Array.from(this.#tokens.subarray(0, n)),
      positions: Array.from(this.#positions.subarray(0, n)),
      hidden: Array.from({ length: n }, (_, i) => this.#states.subarray(i * this.#width, (i + 1) * this.#width)),
    };
  }
}
