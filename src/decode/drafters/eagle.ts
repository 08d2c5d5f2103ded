import { LimitError, UsageError } from "../../errors.ts";
import type { EagleHead } from "../../model/eagle.ts";
import type { DraftTop, EagleSequence } from "../../model/eagle-sequence.ts";
import type { Drafter, DraftTree } from "./drafter.ts";
import { EagleTreeGrowth, type EagleFrontier, type EagleTreeOptions } from "./eagle-tree.ts";

export interface EagleDrafterOptions extends Omit<EagleTreeOptions, "tokenIdRemap"> {
  /** Most tokens of the sequence. */
  readonly capacity: number;
}

/** What the head said of a row: its output, and the best tokens after it. */
interface ReadRow {
  readonly hidden: Float32Array;
  readonly top: DraftTop;
}

/** A token and the base model's hidden state before it. */
interface Pair {
  readonly token: number;
  readonly hidden: Float32Array;
}

/**
 * Drafts with an EAGLE head: the EAGLE-2 dynamic tree (arXiv 2406.16858) over its log-probabilities. Row p of the head's cache pairs
 * the base model's hidden state at position p with the token at p + 1; drafted rows after them are thrown away each time.
 */
export class EagleDrafter implements Drafter {
  readonly name = "eagle";
  readonly needsHidden = true;
  readonly #head: EagleHead;
  readonly #sequence: EagleSequence;
  readonly #capacity: number;
  /** Holds what was tried for the last proposal. */
  readonly growth: EagleTreeGrowth;
  /** Accepted pairs that the head has not read yet. */
  #pairs: Pair[] = [];
  /** Pairs that it has read: the rows of its cache. */
  #fed = 0;
  /** The last of them, once there was a proposal. */
  #last: Pair | undefined;
  #root: number | undefined;

  /** @throws UsageError for sizes that do not go together; LimitError when memory cannot grow. */
  constructor(head: EagleHead, options: EagleDrafterOptions) {
    const { capacity, ...tree } = options;
    const { contextLength, vocabSize } = head.config;
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > contextLength) {
      throw new UsageError(`must be a whole number from 1 to ${contextLength}, not ${capacity}`, { field: "capacity", limit: contextLength });
    }
    this.growth = new EagleTreeGrowth({ ...tree, ...(head.draftTokens === undefined ? {} : { tokenIdRemap: head.draftTokens }) });
    const { k, numIter } = this.growth;
    if (k > vocabSize) throw new UsageError(`is ${k}; the draft vocabulary has ${vocabSize} tokens`, { field: "topkPerIter", limit: vocabSize });
    this.#head = head;
    this.#capacity = capacity;
    this.#sequence = head.newSequence(capacity + k * (numIter - 1));
  }

  accept(tokens: ArrayLike<number>, hidden?: readonly Float32Array[]): void {
    if (hidden?.length !== tokens.length) throw new UsageError("an EAGLE head needs the hidden state before every token", { field: "hidden" });
    for (let i = 0; i < tokens.length; i++) {
      const first = this.#root === undefined;
      if (!first && this.#fed + this.#pairs.length >= this.#capacity) {
        throw new LimitError(`more than ${this.#capacity} tokens; ask for a larger capacity`, { field: "capacity", limit: this.#capacity });
      }
      this.#root = tokens[i] as number;
      if (first) continue;
      this.#pairs.push({ token: this.#root, hidden: (hidden[i] as Float32Array).slice() });
      // The last pairs stay until there is something to propose: their logits are wanted then.
      if (this.#pairs.length > this.#head.maxChunk) this.#read(this.#head.maxChunk, "none");
    }
  }

  propose(maxNodes: number): DraftTree {
    const root = this.#root;
    if (root === undefined) throw new UsageError("there is no token yet to go on from", { field: "tokens" });
    const last = maxNodes > 1 ? this.#readAll() : undefined;
    // After a single token there is no hidden state to go on from.
    if (last === undefined) return { tokens: [root], parents: [-1] };
    let frontier = this.growth.start(last.top);
    let before = [last];
    for (let level = 1; frontier !== undefined; level++) {
      before = this.#runLevel(level, frontier, before);
      frontier = this.growth.extend(before.map(({ top }) => top));
    }
    return this.growth.choose(root, this.#fed, maxNodes);
  }

  reset(): void {
    this.#pairs = [];
    this.#fed = 0;
    this.#last = undefined;
    this.#root = undefined;
  }

  dispose(): void {
    this.#sequence.dispose();
  }

  /** Reads the accepted pairs: the head's output at the last one, and the best tokens after it. */
  #readAll(): ReadRow | undefined {
    const count = this.#pairs.length;
    if (count > 0) {
      this.#last = this.#pairs[count - 1];
      this.#read(count, "last");
    } else if (this.#last !== undefined) {
      // Nothing new since the last proposal: the last pair once more.
      this.#pairs.push(this.#last);
      this.#fed--;
      this.#read(1, "last");
    } else return undefined;
    return this.#said(Math.max(count, 1) - 1, 0);
  }

  /** Runs the first `count` pairs as a chain after those read before. */
  #read(count: number, logits: "none" | "last"): void {
    const pairs = this.#pairs.splice(0, count);
    this.#sequence.forward({
      tokens: pairs.map(({ token }) => token),
      hidden: pairs.map(({ hidden }) => hidden),
      positions: pairs.map((_, i) => this.#fed + i),
      at: this.#fed,
      visible: this.#fed,
      masks: pairs.map((_, i) => (2n << BigInt(i)) - 1n),
      logits,
    });
    this.#fed += count;
  }

  /** Runs a level's frontier, whose rows go after those of the levels before; `before` is what the head said of the level before. */
  #runLevel(level: number, frontier: EagleFrontier, before: readonly ReadRow[]): ReadRow[] {
    const rows: ReadRow[] = [];
    const { k } = this.growth;
    for (let from = 0; from < k; from += this.#head.maxChunk) {
      const to = Math.min(k, from + this.#head.maxChunk);
      this.#sequence.forward({
        tokens: frontier.tokens.subarray(from, to),
        hidden: Array.from(frontier.parents.subarray(from, to), (parent) => (before[parent] as ReadRow).hidden),
        positions: new Uint32Array(to - from).fill(this.#fed + level - 1),
        at: this.#fed + (level - 1) * k + from,
        visible: this.#fed,
        masks: frontier.masks.subarray(from, to),
        logits: "all",
      });
      for (let i = 0; i < to - from; i++) rows.push(this.#said(i, i));
    }
    return rows;
  }

  #said(row: number, logitRow: number): ReadRow {
    return { hidden: this.#sequence.hidden(row), top: this.#sequence.top(logitRow, this.growth.k) };
  }
}
