/** Tokens that may come next, as a tree: node 0 is the root (the last known token, not in the cache yet), parents come before children. */
export interface DraftTree {
  readonly tokens: readonly number[];
  /** Index of each node's parent; -1 for the root. */
  readonly parents: readonly number[];
}

/** What a proposal of some size is expected to be, from sizes alone: whoever measures corrects it. */
export interface DraftPlan {
  /** Time of `propose` in a round that follows a round, as a share of one plain pass of the model. */
  readonly cost: number;
  /** Most edges from the root. */
  readonly depth: number;
}

/** Guesses what comes next. It never decides: every guess is verified by the model. */
export interface Drafter {
  readonly name: string;
  /** Whether `accept` needs hidden states; they are left out otherwise. */
  readonly needsHidden?: boolean;
  /** False: it was not told the state that it would go on from, and has no guess before it is told one. Default true. */
  readonly ready?: boolean;
  /** Nodes of a tree when nobody says how many. */
  readonly nodes: number;
  /** Share of drafted tokens that the model confirms, assumed until it is measured. */
  readonly prior: number;
  /** Expected time of what was put off and the next `propose` has to do first, as a share of one plain pass of the model. */
  readonly arrears: number;
  /** What a proposal of so many nodes, root included, is expected to take. */
  plan(nodes: number): DraftPlan;
  /**
   * Starts a sequence, or goes on: `tokens` are now part of it. Nothing is computed that can be put off.
   * @param tokens accepted tokens in order, since the last call
   * @param hidden hidden state after the final norm of the model at each token's *predecessor position*, for drafters that need it:
   *   row i is the state that predicted tokens[i]; undefined rows (the first token of a sequence, and those that were not kept, for
   *   drafters that put up with it) are given as empty arrays.
   *   They may be views: the drafter copies what it keeps.
   */
  accept(tokens: ArrayLike<number>, hidden?: readonly Float32Array[]): void;
  /**
   * A tree of at most `maxNodes` nodes (root included) below the last accepted token, which is its root. A tree of one node is no guess.
   */
  propose(maxNodes: number): DraftTree;
  /** Forgets the sequence. */
  reset(): void;
  dispose(): void;
}
