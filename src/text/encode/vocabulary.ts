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
  constructor({ vocab, merges, continuing_subword_prefix: prefix }: BpeModel, file: string) {
    const tokens: (string | undefined)[] = [];
    const ids = new Map<string, number>();
    let longest = 1;
    for (const token of Object.keys(vocab)) {
      ids.set(token, vocab[token]!);
      tokens[vocab[token]!] = token;
      longest = Math.max(longest, token.length);
    }
    this.tokens = tokens;
    this.ids = ids;
    this.longest = longest;
    const count = merges.length;
    const skipped = (prefix as string | null | undefined)?.length ?? 0;
    this.#lefts = new Uint32Array(count);
    this.#rights = new Uint32Array(count);
    this.#results = new Uint32Array(count);
    this.#slots = new Uint32Array(slotsFor(count));
    merges.forEach(([left, right], rank) => {
      this.#lefts[rank] = ids.get(left)!;
      this.#rights[rank] = ids.get(right)!;
      this.#results[rank] = ids.get(left + right.slice(skipped))!;
      if (!this.#add(rank)) throw new TokenizerError("collide in a hash table; the file was made to", { file, field: "model.merges" });
    });
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
