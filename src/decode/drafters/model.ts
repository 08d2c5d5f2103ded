import { FormatError, UsageError } from "../../errors.ts";
import type { ForwardResult, LoadedModel, Sequence } from "../../engine/types.ts";
import { weightsPerToken } from "../pass-weight.ts";
import type { KeptSequence } from "../kept.ts";
import type { Drafter, DraftPlan, DraftTree } from "./drafter.ts";
import { promptChunk } from "../plain/prompt.ts";
import { exp } from "../../../core/sampling/exp.ts";
import { topK } from "./top-k.ts";

/** Tokens beside the best one that are noted after each row. */
const CANDIDATES = 4;
/** Logits further below the largest add nothing to the sum that matters here. */
const LOWEST = -16;
/** Rows of a longer chunk cost less than a pass each. */
const CHUNK_ROW = 0.7;

export interface ModelDrafterOptions {
  readonly lazy?: boolean;
  readonly kept?: KeptSequence | undefined;
}

/** A node that may be drafted. */
interface Candidate {
  readonly token: number;
  readonly parent: number;
  /** Summed log-probability of its path. */
  readonly score: number;
}

/**
 * Drafts with a smaller model of the same vocabulary, which has a sequence of its own: the chain of its likeliest tokens, and beside
 * it those siblings that are likelier than the end of the chain. The chain ends where enough other nodes are likelier.
 */
export class ModelDrafter implements Drafter {
  readonly name = "model";
  static readonly NODES = 5;
  readonly nodes = ModelDrafter.NODES;
  readonly prior = 0.7;
  readonly #draft: LoadedModel;
  readonly #capacity: number;
  readonly #share: number;
  readonly #kept: KeptSequence | undefined;
  #sequence: Sequence | undefined;
  #tokens: number[] = [];

  /**
   * @param draft a model of the same vocabulary (`vocabularyDifference`); it stays the caller's and must live as long as the drafter
   * @param capacity most tokens of the sequence; beyond the draft model's own context it has no guess
   * @param options.lazy takes memory with the first proposal, instead of at once
   * @param options.kept where its sequence comes from, with what it held, and goes to; it is then taken with the first proposal
   * @throws MemoryError when there is none for its sequence.
   */
  constructor(draft: LoadedModel, base: LoadedModel, capacity: number, { lazy = false, kept }: ModelDrafterOptions = {}) {
    this.#draft = draft;
    this.#capacity = Math.min(capacity, draft.config.contextLength);
    this.#share = weightsPerToken(draft.config) / weightsPerToken(base.config);
    this.#kept = kept;
    if (!lazy && kept === undefined) this.#opened();
  }

  get arrears(): number {
    return Math.max(0, this.#tokens.length - (this.#sequence?.length ?? 0) - 2) * this.#share * CHUNK_ROW;
  }

  plan(nodes: number): DraftPlan {
    return { cost: nodes * this.#share, depth: nodes - 1 };
  }

  accept(tokens: ArrayLike<number>): void {
    for (let i = 0; i < tokens.length; i++) this.#tokens.push(tokens[i]!);
  }

  propose(maxNodes: number): DraftTree {
    const accepted = this.#tokens.length;
    if (accepted === 0) throw new UsageError("there is no token yet to go on from", { field: "tokens" });
    const tree = { tokens: [this.#tokens[accepted - 1]!], parents: [-1] };
    const room = this.#capacity - accepted;
    if (maxNodes < 2 || room < 0) return tree;
    // Everything that may be drafted; nodes of the chain are candidates like their siblings.
    const candidates: Candidate[] = [];
    let parent = -1;
    let score = 0;
    let result = this.#read();
    for (let depth = 1; ; depth++) {
      const { ids, values } = result.withLogits(0, (logits) => this.#best(logits));
      for (let i = 0; i < ids.length; i++) candidates.push({ token: ids[i]!, parent, score: score + values[i]! });
      parent = candidates.length - ids.length;
      score += values[0]!;
      const likelier = candidates.reduce((count, other) => count + (other.score > score ? 1 : 0), 0);
      if (likelier >= maxNodes - 2 || depth >= maxNodes - 1 || depth > room) break;
      result = this.#sequence!.forward([ids[0]!]);
    }
    this.#sequence!.truncate(accepted);
    addBest(tree, candidates, maxNodes - 1);
    return tree;
  }

  reset(): void {
    this.#tokens = [];
    this.#sequence?.truncate(0);
  }

  dispose(): void {
    if (this.#sequence !== undefined && this.#kept !== undefined) this.#kept.give(this.#sequence, this.#tokens);
    else this.#sequence?.dispose();
    this.#sequence = undefined;
    this.#tokens = [];
  }

  /** The likeliest tokens with their log-probabilities, likeliest first. */
  #best(logits: Float32Array): { ids: Uint32Array; values: number[] } {
    const ids = topK(logits, Math.min(CANDIDATES, logits.length));
    const max = logits[ids[0]!]!;
    if (!Number.isFinite(max))
      throw new FormatError("the draft model computed NaN or infinite logits: its weights are damaged or overflow", {
        file: this.#draft.name,
        field: "logits",
      });
    let sum = 0;
    for (let i = 0; i < logits.length; i++) if (logits[i]! - max > LOWEST) sum += exp(logits[i]! - max);
    const shift = max + Math.log(sum);
    return { ids, values: Array.from(ids, (id) => logits[id]! - shift) };
  }

  #opened(): Sequence {
    const capacity = this.#capacity;
    return (this.#sequence ??= this.#kept?.take(this.#tokens, capacity) ?? this.#draft.newSequence({ capacity }));
  }

  /** Runs what the draft model has not seen. @returns what has the logits after the last accepted token. */
  #read(): ForwardResult {
    const sequence = this.#opened();
    const most = promptChunk(this.#draft);
    // Asked twice: the last token once more.
    if (sequence.length === this.#tokens.length) sequence.truncate(this.#tokens.length - 1);
    for (;;) {
      const chunk = this.#tokens.slice(sequence.length, sequence.length + most);
      const last = sequence.length + chunk.length === this.#tokens.length;
      const result = sequence.forward(chunk, { logits: last ? "last" : "none" });
      if (last) return result;
    }
  }
}

/** Adds the likeliest candidates to a tree. A parent is likelier than its children (or as likely, and before them), so it is chosen too. */
function addBest(tree: { tokens: number[]; parents: number[] }, candidates: readonly Candidate[], count: number): void {
  const best = candidates
    .map((_, i) => i)
    .sort((a, b) => candidates[b]!.score - candidates[a]!.score || a - b)
    .slice(0, count);
  const nodeOf = new Map<number, number>([[-1, 0]]);
  for (const index of best) {
    const { token, parent } = candidates[index]!;
    nodeOf.set(index, tree.tokens.length);
    tree.tokens.push(token);
    tree.parents.push(nodeOf.get(parent)!);
  }
}
