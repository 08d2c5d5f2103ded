import { LimitError, UsageError } from "../../errors.ts";
import type { DraftHead, DraftSequence, DraftTop } from "../../engine/draft-head.ts";
import { weightsPerToken } from "../pass-weight.ts";
import type { Drafter, DraftPlan, DraftTree } from "./drafter.ts";
import { PairQueue } from "./eagle-pairs.ts";
import { eagleShape, MAX_LEVEL_ROWS } from "./eagle-shape.ts";
import { EagleTreeGrowth, type EagleFrontier, type EagleTreeOptions } from "./eagle-tree.ts";

export interface EagleDrafterOptions extends Omit<EagleTreeOptions, "tokenIdRemap"> {
  /** Most tokens of the sequence. */
  readonly capacity: number;
  /** Levels and candidates follow the number of nodes asked for (eagle-shape.ts); `numIter` and `topkPerIter` are then left out. */
  readonly scaled?: boolean;
  /**
   * Reads nothing before it has to propose, and of what waits then only the newest 8 to 16 pairs: the head sees a gap in what came
   * before, and costs nothing while it is not used.
   */
  readonly lazy?: boolean;
  /**
   * Tokens may be told without their state, as those of a prompt that was computed before: the head sees a gap there. A lazy one allows
   * it too.
   */
  readonly gaps?: boolean;
}

/** What the head said of a row: its output, and the best tokens after it. */
interface ReadRow {
  readonly hidden: Float32Array;
  readonly top: DraftTop;
}

/**
 * Pairs that wait to be read, in a lazy drafter: with 8 of them drafts of three are accepted nearly as far as with all (3.16 to 3.45
 * tokens a round).
 */
const LAZY_PAIRS = 16;
/** Most rows that a tree puts into the cache at a time: a mask has 64 bits. */
const MAX_DRAFT_ROWS = 64;

/**
 * Drafts with an EAGLE head: the EAGLE-2 dynamic tree (arXiv 2406.16858) over its log-probabilities. A row of the head's cache pairs
 * the base model's hidden state at a position with the token after it; drafted rows after them are thrown away each time.
 */
export class EagleDrafter implements Drafter {
  readonly name = "eagle";
  static readonly NODES = 4;
  readonly nodes = EagleDrafter.NODES;
  readonly prior = 0.7;
  readonly needsHidden = true;
  readonly #head: DraftHead;
  readonly #options: EagleDrafterOptions;
  readonly #share: number;
  readonly #queue: PairQueue;
  #sequence: DraftSequence | undefined;
  #disposed = false;
  /** Holds what was tried for the last proposal. */
  growth: EagleTreeGrowth;
  /** Rows of the head's cache: pairs that it has read. */
  #fed = 0;
  /** Accepted tokens. */
  #count = 0;
  /** The last pair that was read. */
  readonly #last: PairQueue;
  #root: number | undefined;
  /** The state before the root was not told. */
  #gap = false;

  /** @throws UsageError for sizes that do not go together; LimitError when memory cannot grow. */
  constructor(head: DraftHead, options: EagleDrafterOptions) {
    const { capacity } = options;
    const { contextLength, vocabSize, hiddenSize } = head.config;
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > contextLength) {
      throw new UsageError(`must be a whole number from 1 to ${contextLength}, not ${capacity}`, {
        field: "capacity",
        limit: contextLength,
      });
    }
    this.#head = head;
    this.#options = options;
    this.growth = this.#growth(options.scaled === true ? this.nodes : undefined);
    if (this.growth.k > vocabSize)
      throw new UsageError(`is ${this.growth.k}; the draft vocabulary has ${vocabSize} tokens`, { field: "topkPerIter", limit: vocabSize });
    this.#share = (weightsPerToken(head.config) + 2 * hiddenSize ** 2) / weightsPerToken(head.base.config);
    this.#queue = new PairQueue(options.lazy === true ? Math.min(LAZY_PAIRS, head.maxChunk) : head.maxChunk, hiddenSize);
    this.#last = new PairQueue(1, hiddenSize);
    if (options.lazy !== true) this.#cache();
  }

  get ready(): boolean {
    return !this.#gap;
  }

  get arrears(): number {
    return Math.max(0, this.#queue.length - 2) * this.#share;
  }

  plan(nodes: number): DraftPlan {
    const { k, numIter } =
      this.#options.scaled === true ? eagleShape(nodes, this.#head.config.vocabSize) : { k: this.growth.k, numIter: this.growth.numIter };
    // Two rows are what a round accepts, about.
    return { cost: (2 + k * (numIter - 1)) * this.#share, depth: Math.min(numIter, nodes - 1) };
  }

  accept(tokens: ArrayLike<number>, hidden?: readonly Float32Array[]): void {
    if (hidden?.length !== tokens.length)
      throw new UsageError("an EAGLE head needs the hidden state before every token", { field: "hidden" });
    for (let i = 0; i < tokens.length; i++) {
      const first = this.#root === undefined;
      if (!first && this.#count > this.#options.capacity) {
        throw new LimitError(`more than ${this.#options.capacity} tokens; ask for a larger capacity`, {
          field: "capacity",
          limit: this.#options.capacity,
        });
      }
      this.#root = tokens[i] as number;
      this.#count++;
      if (first) continue;
      const state = hidden[i] as Float32Array;
      this.#gap = state.length === 0 && (this.#options.lazy === true || this.#options.gaps === true);
      if (this.#gap) continue;
      if (state.length !== this.#head.config.hiddenSize)
        throw new UsageError(`a hidden state has ${this.#head.config.hiddenSize} values`, { field: `hidden[${i}]` });
      // The last pairs stay until there is something to propose: their logits are wanted then.
      if (this.#queue.length === this.#queue.limit) {
        if (this.#options.lazy === true) this.#queue.dropHalf();
        else this.#read("none");
      }
      this.#queue.push(this.#root, state, this.#count - 2);
    }
  }

  propose(maxNodes: number): DraftTree {
    const root = this.#root;
    if (root === undefined) throw new UsageError("there is no token yet to go on from", { field: "tokens" });
    if (maxNodes > 1 && this.#options.scaled === true) this.growth = this.#growth(maxNodes);
    const last = maxNodes > 1 && !this.#gap ? this.#readAll() : undefined;
    // After a single token there is no hidden state to go on from.
    if (last === undefined) return { tokens: [root], parents: [-1] };
    let frontier = this.growth.start(last.top);
    let before = [last];
    for (let level = 1; frontier !== undefined; level++) {
      before = this.#runLevel(level, frontier, before);
      frontier = this.growth.extend(before.map(({ top }) => top));
    }
    return this.growth.choose(root, maxNodes);
  }

  reset(): void {
    this.#queue.clear();
    this.#last.clear();
    this.#fed = 0;
    this.#count = 0;
    this.#root = undefined;
  }

  dispose(): void {
    this.#disposed = true;
    this.#sequence?.dispose();
  }

  #cache(): DraftSequence {
    if (this.#disposed) throw new UsageError("the drafter is disposed");
    const { capacity, scaled } = this.#options;
    const { k, numIter } = this.growth;
    this.#sequence ??= this.#head.newSequence(
      capacity + (scaled === true ? MAX_DRAFT_ROWS : k * (numIter - 1)),
      scaled === true ? MAX_LEVEL_ROWS : k,
    );
    return this.#sequence;
  }

  /** Growth of the shape for so many nodes, or of the fixed one. */
  #growth(nodes: number | undefined): EagleTreeGrowth {
    const { draftTokens, config } = this.#head;
    const remap = draftTokens === undefined ? {} : { tokenIdRemap: draftTokens };
    if (nodes === undefined) {
      const { numIter = 3, topkPerIter = 10, treeSize = 32 } = this.#options;
      return new EagleTreeGrowth({ numIter, topkPerIter, treeSize, ...remap });
    }
    const { k, numIter, treeSize } = eagleShape(nodes, config.vocabSize);
    if (this.growth?.k === k && this.growth.numIter === numIter && this.growth.treeSize === treeSize) return this.growth;
    return new EagleTreeGrowth({ numIter, topkPerIter: k, treeSize, ...remap });
  }

  /** Reads the accepted pairs: the head's output at the last one, and the best tokens after it. */
  #readAll(): ReadRow | undefined {
    if (this.#queue.length === 0) {
      if (this.#last.length === 0) return undefined;
      // Nothing new since the last proposal: the last pair once more.
      const { tokens, hidden, positions } = this.#last.all();
      this.#queue.push(tokens[0] as number, hidden[0] as Float32Array, positions[0] as number);
      this.#fed--;
    }
    const count = this.#queue.length;
    this.#read("last");
    return this.#said(count - 1, 0);
  }

  /** Runs the waiting pairs as a chain after those read before. */
  #read(logits: "none" | "last"): void {
    const pairs = this.#queue.all();
    const count = this.#queue.length;
    this.#cache().forward({
      ...pairs,
      at: this.#fed,
      visible: this.#fed,
      masks: pairs.tokens.map((_, i) => (2n << BigInt(i)) - 1n),
      logits,
    });
    this.#fed += count;
    this.#last.clear();
    this.#last.push(pairs.tokens[count - 1] as number, pairs.hidden[count - 1] as Float32Array, pairs.positions[count - 1] as number);
    this.#queue.clear();
  }

  /** Runs a level's frontier, whose rows go after those of the levels before; `before` is what the head said of the level before. */
  #runLevel(level: number, frontier: EagleFrontier, before: readonly ReadRow[]): ReadRow[] {
    const rows: ReadRow[] = [];
    const { k } = this.growth;
    for (let from = 0; from < k; from += this.#head.maxChunk) {
      const to = Math.min(k, from + this.#head.maxChunk);
      this.#cache().forward({
        tokens: frontier.tokens.subarray(from, to),
        hidden: Array.from(frontier.parents.subarray(from, to), (parent) => (before[parent] as ReadRow).hidden),
        positions: new Uint32Array(to - from).fill(this.#count - 2 + level),
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
    const cache = this.#cache();
    return { hidden: cache.hidden(row), top: cache.top(logitRow, this.growth.k) };
  }
}
