import { FormatError, UsageError } from "../../errors.ts";
import { exp } from "../../../core/sampling/exp.ts";
import { MAX_TREE_NODES } from "../speculative/tree.ts";
import type { DraftTree } from "./drafter.ts";
import { topK } from "./top-k.ts";

/** How an EAGLE-2 tree is grown; the names are those of the official code. */
export interface EagleTreeOptions {
  /** Levels, `num_iter`; default 3. */
  readonly numIter?: number;
  /** Candidates a row, and rows a level, `topk_per_iter`; default 10. */
  readonly topkPerIter?: number;
  /** Nodes of the tree, root included, `tree_size`; default 32. */
  readonly treeSize?: number;
  /** Full-vocabulary id of each draft token (FR-Spec), `token_id_remap`; default: the draft vocabulary is the full one. */
  readonly tokenIdRemap?: ArrayLike<number>;
}

/** The rows that the draft head runs next. */
export interface EagleFrontier {
  /** Full-vocabulary token of each row. */
  readonly tokens: Uint32Array;
  /** Row of the level before whose output is this row's hidden state; 0 for all rows of the first frontier (the last accepted row). */
  readonly parents: Uint32Array;
  /** Bit b of masks[i]: row i sees the b-th drafted row of the head's cache (row cache_length + b), itself included. */
  readonly masks: BigUint64Array;
  /** Summed log-probability of each row's path. */
  readonly scores: Float32Array;
}

/** The tree, as verification takes it. */
export interface EagleTree extends DraftTree {
  /** History index of nodes 1, 2, ... */
  readonly chosen: Uint32Array;
}

/** The best next tokens of a row, likeliest first, equal ones by ascending index. */
export interface Candidates {
  /** Index in the draft vocabulary, and its log-probability. */
  readonly ids: Uint32Array;
  readonly values: Float32Array;
}

/**
 * The k likeliest tokens of softmax(logits) with their log-probabilities, kept as float32, likeliest first.
 * @throws FormatError when the logits are NaN or infinite.
 */
export function topLogProbabilities(logits: ArrayLike<number>, k: number): Candidates {
  const values = new Float32Array(logits.length);
  let max = -Infinity;
  for (let i = 0; i < logits.length; i++) max = Math.max(max, logits[i]!);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += exp(logits[i]! - max);
  const shift = max + Math.log(sum);
  if (!Number.isFinite(shift))
    throw new FormatError("the draft head computed NaN or infinite logits: its weights are damaged or overflow", { field: "logits" });
  // Ranked after rounding, as the official code does: logits that differ may give equal log-probabilities.
  for (let i = 0; i < logits.length; i++) values[i] = logits[i]! - shift;
  const ids = topK(values, k);
  return { ids, values: Float32Array.from(ids, (id) => values[id]!) };
}

/** A row's logits over the draft vocabulary, or its k candidates where the engine has found them already. */
export type DraftRow = ArrayLike<number> | Candidates;

/**
 * Grows and chooses one EAGLE-2 draft tree from the draft head's logits (eagle2.md sections 4 and 5); knows no model.
 * Call `start` with the logits after the last accepted token, `extend` with those of each frontier until it gives none,
 * then `choose`. Usable again after that, from `start`.
 *
 * `hist_parent` uses k where the official code has the literal 10; both are the same for its only right k, 10.
 */
export class EagleTreeGrowth {
  readonly numIter: number;
  readonly k: number;
  readonly treeSize: number;
  /** History: cumulative log-probability and draft-vocabulary id of every candidate tried, `total_tried` = k + (n - 1) k^2. */
  readonly histVal: Float32Array;
  readonly histPos: Uint32Array;
  /** History index of every frontier row from level 1 on: the parents of the next block of candidates. */
  readonly histParent: Uint32Array;
  readonly #remap: ArrayLike<number> | undefined;
  #frontier: EagleFrontier | undefined;
  /** Levels that are in the history. */
  #levels = 0;

  /** @throws UsageError for parameters whose masks need more than 64 bits, or that try fewer candidates than the tree takes. */
  constructor(options: EagleTreeOptions = {}) {
    const { numIter = 3, topkPerIter = 10, treeSize = 32, tokenIdRemap } = options;
    whole("numIter", numIter, 1, 64);
    whole("topkPerIter", topkPerIter, 1, 64);
    whole("treeSize", treeSize, 1, MAX_TREE_NODES);
    if (topkPerIter * (numIter - 1) > 64) {
      throw new UsageError(`topkPerIter * (numIter - 1) is ${topkPerIter * (numIter - 1)}; a mask has 64 bits`, {
        field: "numIter",
        limit: 64,
      });
    }
    const tried = topkPerIter + (numIter - 1) * topkPerIter * topkPerIter;
    if (treeSize - 1 > tried)
      throw new UsageError(`${treeSize} nodes, but only ${tried} candidates are tried`, { field: "treeSize", limit: tried + 1 });
    if (tokenIdRemap !== undefined && tokenIdRemap.length < topkPerIter) {
      throw new UsageError(`has ${tokenIdRemap.length} tokens, fewer than the ${topkPerIter} candidates of a row`, {
        field: "tokenIdRemap",
      });
    }
    this.numIter = numIter;
    this.k = topkPerIter;
    this.treeSize = treeSize;
    this.#remap = tokenIdRemap;
    this.histVal = new Float32Array(tried);
    this.histPos = new Uint32Array(tried);
    this.histParent = new Uint32Array(topkPerIter * (numIter - 1));
  }

  /** Level 0. @param row the one after the last accepted token. @returns the first frontier; undefined when numIter is 1. */
  start(row: DraftRow): EagleFrontier | undefined {
    const { k } = this;
    const { ids, values } = this.#candidates(row);
    this.histVal.set(values);
    this.histPos.set(ids);
    this.#levels = 1;
    this.#frontier = {
      tokens: Uint32Array.from(ids, (id) => this.#token(id)),
      parents: new Uint32Array(k),
      masks: BigUint64Array.from({ length: k }, (_, j) => 1n << BigInt(j)),
      scores: values,
    };
    return this.numIter === 1 ? undefined : this.#frontier;
  }

  /** Level d = 1, 2, ... @param rows the k of the frontier. @returns the next frontier; undefined after the last level. */
  extend(rows: readonly DraftRow[]): EagleFrontier | undefined {
    const { k } = this;
    const d = this.#levels;
    const before = this.#frontier;
    if (before === undefined || d >= this.numIter) throw new UsageError("there is no frontier to extend; call start() first");
    if (rows.length !== k) throw new UsageError(`has ${rows.length} rows, not ${k}`, { field: "logits" });
    const block = k + (d - 1) * k * k;
    const sums = this.histVal.subarray(block, block + k * k);
    for (let i = 0; i < k; i++) {
      const { ids, values } = this.#candidates(rows[i]!);
      for (let j = 0; j < k; j++) sums[i * k + j] = values[j]! + before.scores[i]!;
      this.histPos.set(ids, block + i * k);
    }
    const best = topK(sums, k);
    best.forEach((q, m) => {
      this.histParent[(d - 1) * k + m] = block + q;
    });
    this.#levels++;
    this.#frontier = {
      tokens: Uint32Array.from(best, (q) => this.#token(this.histPos[block + q]!)),
      parents: Uint32Array.from(best, (q) => Math.floor(q / k)),
      masks: BigUint64Array.from(best, (q, m) => before.masks[Math.floor(q / k)]! | BigInt.asUintN(64, 1n << BigInt(k * d + m))),
      scores: Float32Array.from(best, (q) => sums[q]!),
    };
    return this.#levels === this.numIter ? undefined : this.#frontier;
  }

  /**
   * The likeliest nodes of the history, as a tree below the root.
   * @param root the last known token
   * @param maxNodes most nodes, root included; treeSize at most
   */
  choose(root: number, maxNodes = this.treeSize): EagleTree {
    const { k } = this;
    if (this.#levels === 0) throw new UsageError("nothing is grown yet; call start() first");
    const tried = k + (this.#levels - 1) * k * k;
    const chosen = topK(this.histVal.subarray(0, tried), Math.max(1, Math.min(this.treeSize, maxNodes)) - 1);
    const nodeOf = new Map<number, number>();
    chosen.forEach((index, r) => nodeOf.set(index, r + 1));
    const tokens = [root];
    const parents = [-1];
    for (const index of chosen) {
      tokens.push(this.#token(this.histPos[index]!));
      // A parent's score is never below its child's and its history index is smaller, so it is chosen, and before the child.
      parents.push(index < k ? 0 : nodeOf.get(this.#parentOf(index))!);
    }
    return { tokens, parents, chosen };
  }

  /** History index of the parent of a candidate of level 1 or later. */
  #parentOf(index: number): number {
    const q = index - this.k;
    const square = this.k * this.k;
    return q < square ? Math.floor(q / this.k) : this.histParent[Math.floor((q - square) / this.k)]!;
  }

  #candidates(row: DraftRow): Candidates {
    if ("ids" in row) {
      if (row.ids.length === this.k && row.values.length === this.k) return row;
      throw new UsageError(`has ${row.ids.length} candidates, not ${this.k}`, { field: "logits" });
    }
    const logits = row;
    const vocabulary = this.#remap?.length ?? logits.length;
    if (logits.length !== vocabulary || logits.length < this.k) {
      throw new UsageError(`has ${logits.length} values; the draft vocabulary has ${vocabulary}, and a row has ${this.k} candidates`, {
        field: "logits",
      });
    }
    return topLogProbabilities(logits, this.k);
  }

  #token(id: number): number {
    return this.#remap === undefined ? id : this.#remap[id]!;
  }
}

function whole(field: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new UsageError(`must be a whole number from ${min} to ${max}, not ${value}`, { field, limit: max });
}
