import { TokenizerError } from "../../errors.ts";
import type { BpeModel } from "../schema.ts";

/** Slots looked at before a table is given up: only a file made to collide comes near it. */
const MAX_PROBES = 4096;

/** Tokens by id, ids by token, and which two tokens merge, in which order, into which. */
export class Vocabulary {
  readonly tokens: readonly (string | undefined)[];
  readonly ids: ReadonlyMap<string, number>;
  /** UTF-16 units of the longest token. */
  readonly longest: number;
  readonly #lefts: Uint32Array;
  readonly #rights: Uint32Array;
  readonly #results: Uint32Array;
  /** rank + 1 by hash of the pair; 0 is empty. */
  readonly #slots: Uint32Array;

  /** @throws TokenizerError for merges that were made to collide. */
  constructor({ vocab, merges }: Pick<BpeModel, "vocab" | "merges">, file: string) {
    let size = 0;
    for (const id of vocab.values()) size = Math.max(size, id + 1);
    const tokens = new Array<string | undefined>(size);
    let longest = 1;
    for (const [token, id] of vocab) {
      tokens[id] = token;
      longest = Math.max(longest, token.length);
    }
    this.tokens = tokens;
    this.ids = vocab;
    this.longest = longest;
    this.#lefts = merges.lefts;
    this.#rights = merges.rights;
    this.#results = merges.results;
    this.#slots = new Uint32Array(slotsFor(merges.lefts.length));
    for (let rank = 0; rank < merges.lefts.length; rank++) {
      if (!this.#add(rank)) throw new TokenizerError("collide in a hash table; the file was made to", { file, field: "model.merges" });
    }
  }

  /** Ids of the pairs that merge, in the order of their priority. */
  *pairs(): Generator<readonly [number, number], void, void> {
    for (let rank = 0; rank < this.#lefts.length; rank++) yield [this.#lefts[rank]!, this.#rights[rank]!];
  }

  /** Place of a pair in the list of merges, which is its priority; -1 when the two do not merge. */
  rank(left: number, right: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashPair(left, right) & mask; ; slot = (slot + 1) & mask) {
      const rank = this.#slots[slot]! - 1;
      if (rank < 0 || (this.#lefts[rank] === left && this.#rights[rank] === right)) return rank;
    }
  }

  /** The token that a merge gives. */
  result(rank: number): number {
    return this.#results[rank]!;
  }

  #add(rank: number): boolean {
    const mask = this.#slots.length - 1;
    const left = this.#lefts[rank]!;
    const right = this.#rights[rank]!;
    let slot = hashPair(left, right) & mask;
    for (let probes = 0; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const other = this.#slots[slot]! - 1;
      // The last one of a pair that is listed twice counts.
      if (this.#lefts[other] === left && this.#rights[other] === right) break;
      if (++probes >= MAX_PROBES) return false;
    }
    this.#slots[slot] = rank + 1;
    return true;
  }
}

/** Smallest power of two with twice as many slots as entries. */
function slotsFor(entries: number): number {
  let slots = 16;
  while (slots < entries * 2) slots *= 2;
  return slots;
}

function hashPair(left: number, right: number): number {
  let h = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}
