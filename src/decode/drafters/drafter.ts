/** Tokens that may come next, as a tree: node 0 is the root (the last known token, not in the cache yet), parents come before children. */
export interface DraftTree {
  readonly tokens: readonly number[];
  /** Index of each node's parent; -1 for the root. */
  readonly parents: readonly number[];
}

/** Guesses what comes next. It never decides: every guess is verified by the model. */
export interface Drafter {
  readonly name: string;
  /** Whether `accept` needs hidden states; they are left out otherwise. */
  readonly needsHidden?: boolean;
  /**
   * Starts a sequence, or goes on: `tokens` are now part of it.
   * @param tokens accepted tokens in order, since the last call
   * @param hidden hidden state after the final norm of the model at each token's *predecessor position*, for drafters that need it:
   *   row i is the state that predicted tokens[i]; undefined rows (the first token of a sequence) are given as empty arrays
   */
  accept(tokens: ArrayLike<number>, hidden?: readonly Float32Array[]): void;
  /** A tree of at most `maxNodes` nodes (root included) below the last accepted token, which is its root. A tree of one node is no guess. */
  propose(maxNodes: number): DraftTree;
  /** Forgets the sequence. */
  reset(): void;
  dispose(): void;
}
