import { UsageError } from "../../errors.ts";
import { MAX_TREE_NODES } from "../speculative/tree.ts";
import type { Drafter, DraftPlan, DraftTree } from "./drafter.ts";

export interface NgramOptions {
  /** Longest and shortest suffix that is looked up; defaults 4 and 1. */
  readonly maxNgram?: number;
  readonly minNgram?: number;
  /** Different continuations to try side by side; default 2. */
  readonly branches?: number;
}

/** Earlier occurrences that are looked at for each suffix length: bounds the time of a proposal. */
const MAX_TRIES = 8;
/** A look-up, and noting a token for later look-ups, hardly cost anything. */
const LOOKUP_COST = 0.005;
const INDEX_COST = 0.003;

/**
 * Prompt and output look-up: what followed the longest suffix of the sequence the last times it occurred. No model; one
 * hash entry a token and suffix length, so O(1) time a token and memory linear in the sequence.
 */
export class NgramDrafter implements Drafter {
  readonly name = "ngram";
  static readonly NODES = 8;
  readonly nodes = NgramDrafter.NODES;
  readonly prior = 0.5;
  readonly #maxNgram: number;
  readonly #minNgram: number;
  readonly #branches: number;
  #tokens: number[] = [];
  /** Tokens that are in the tables: the others wait for the next proposal. */
  #indexed = 0;
  /** For each suffix length: hash of an n-gram -> place after its last occurrence. */
  #last: Map<number, number>[] = [];
  /** For each suffix length and place: place after the occurrence before, 0 for none. Hashes may collide. */
  #before: number[][] = [];

  /** @throws UsageError for lengths outside 1 <= minNgram <= maxNgram <= 16 or branches outside 1..8. */
  constructor(options: NgramOptions = {}) {
    const { maxNgram = 4, minNgram = 1, branches = 2 } = options;
    if (!Number.isInteger(maxNgram) || maxNgram < 1 || maxNgram > 16)
      throw new UsageError("must be a whole number from 1 to 16", { field: "maxNgram", limit: 16 });
    if (!Number.isInteger(minNgram) || minNgram < 1 || minNgram > maxNgram)
      throw new UsageError(`must be a whole number from 1 to ${maxNgram}`, { field: "minNgram", limit: maxNgram });
    if (!Number.isInteger(branches) || branches < 1 || branches > 8)
      throw new UsageError("must be a whole number from 1 to 8", { field: "branches", limit: 8 });
    this.#maxNgram = maxNgram;
    this.#minNgram = minNgram;
    this.#branches = branches;
    this.reset();
  }

  accept(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) this.#tokens.push(tokens[i]!);
  }

  get arrears(): number {
    return (this.#tokens.length - this.#indexed) * INDEX_COST;
  }

  plan(nodes: number): DraftPlan {
    return { cost: LOOKUP_COST, depth: nodes - 1 };
  }

  propose(maxNodes: number): DraftTree {
    const root = this.#tokens.at(-1);
    if (root === undefined) throw new UsageError("nothing is accepted yet, so there is no root");
    const nodes = { tokens: [root], parents: [-1] };
    const limit = Math.min(maxNodes, MAX_TREE_NODES);
    const starts = limit > 1 ? this.#lookUp() : [];
    starts.forEach((start, i) => {
      // The best continuation gets half of what is left, the last one all.
      const left = limit - nodes.tokens.length;
      const share = i === starts.length - 1 ? left : Math.ceil(left / 2);
      this.#addChain(nodes, start, share);
    });
    return nodes;
  }

  reset(): void {
    this.#tokens = [];
    this.#indexed = 0;
    this.#last = Array.from({ length: this.#maxNgram + 1 }, () => new Map());
    this.#before = Array.from({ length: this.#maxNgram + 1 }, () => [0]);
  }

  dispose(): void {
    this.reset();
  }

  #lookUp(): number[] {
    while (this.#indexed < this.#tokens.length) this.#index(++this.#indexed);
    return this.#continuations();
  }

  /** Notes the n-grams that end before a place. */
  #index(place: number): void {
    let hash = 0x811c9dc5;
    for (let n = 1; n <= this.#maxNgram; n++) {
      let before = 0;
      if (n <= place) {
        hash = Math.imul(hash ^ this.#tokens[place - n]!, 0x01000193);
        hash ^= hash >>> 15;
        if (n >= this.#minNgram) {
          before = this.#last[n]!.get(hash) ?? 0;
          this.#last[n]!.set(hash, place);
        }
      }
      this.#before[n]!.push(before);
    }
  }

  /** Places to go on from, each with another first token: longest suffix first, then the most recent. */
  #continuations(): number[] {
    const places: number[] = [];
    const firsts = new Set<number>();
    const end = this.#tokens.length;
    for (let n = Math.min(this.#maxNgram, end); n >= this.#minNgram; n--) {
      let place = this.#before[n]![end]!;
      for (let tries = 0; place > 0 && tries < MAX_TRIES; tries++, place = this.#before[n]![place]!) {
        const first = this.#tokens[place]!;
        if (firsts.has(first) || !this.#sameSuffix(place, n)) continue;
        firsts.add(first);
        places.push(place);
        if (places.length === this.#branches) return places;
      }
    }
    return places;
  }

  #sameSuffix(place: number, n: number): boolean {
    const end = this.#tokens.length;
    for (let i = 1; i <= n; i++) if (this.#tokens[place - i] !== this.#tokens[end - i]) return false;
    return true;
  }

  /** A chain below the root of what followed `start`; past the end of the sequence it repeats itself. */
  #addChain(nodes: { tokens: number[]; parents: number[] }, start: number, count: number): void {
    const chain: number[] = [];
    for (let i = 0; i < count; i++) {
      const at = start + i;
      const token = at < this.#tokens.length ? this.#tokens[at]! : chain[at - this.#tokens.length]!;
      nodes.parents.push(i === 0 ? 0 : nodes.tokens.length - 1);
      nodes.tokens.push(token);
      chain.push(token);
    }
  }
}
