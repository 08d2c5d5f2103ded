import { UsageError } from "../../src/errors.ts";
import type { Random } from "../../src/decode/sampling/rng.ts";

/** A draft tree without tokens, and how likely each node's token is the model's choice, given that its parent's is. */
export interface ModelTree {
  /** -1 for the root; parents come before children. */
  readonly parents: readonly number[];
  /** 1 for the root. */
  readonly chances: readonly number[];
  /** Mean tokens of a round: 1, and each node's chance that its whole path is accepted. */
  readonly acceptLength: number;
}

/** Edges from the root of the authors' trees: 3 iterations of the draft head, so a round gives at most 4 tokens. */
export const TREE_DEPTH = 3;
/** Candidates of a node, `topk_per_iter`. */
export const TREE_WIDTH = 10;
const STEPS = 60;

/**
 * How fast later guesses get worse: the k-th best is right with probability q k^-DECAY. With 2 the model stays below the accept
 * lengths that the EAGLE head of blockffn-nano reaches with 2, 4, 8 and 16 nodes when q is fitted to its 32 (2.5 would meet them:
 * bench/RESULTS.md), so that smaller trees than the paper's come out worse here than they are.
 */
const DECAY = 2;
const law = (q: number, k: number): number => q * (k + 1) ** -DECAY;
/** At most one guess is right. */
const MAX_Q = 1 / Array.from({ length: TREE_WIDTH }, (_, k) => law(1, k)).reduce((sum, p) => sum + p, 0);

/**
 * A model of what a drafter's guesses are worth, with one parameter: the k-th best guess after any node is right with probability
 * q k^-2, whatever the depth. The tree takes the likeliest nodes, as EAGLE-2 (arXiv 2406.16858) does.
 * @param q share of right first guesses
 * @param nodes of the tree, root included
 */
export function treeOf(q: number, nodes: number): ModelTree {
  const parents = [-1];
  const chances = [1];
  const paths = [1];
  const depths = [0];
  const children = [0];
  while (parents.length < nodes) {
    let best = -1;
    let value = -1;
    parents.forEach((_, node) => {
      const k = children[node] as number;
      if (depths[node] === TREE_DEPTH || k === TREE_WIDTH) return;
      const path = (paths[node] as number) * law(q, k);
      if (path > value) [best, value] = [node, path];
    });
    if (best < 0) break;
    const k = (children[best] as number)++;
    parents.push(best);
    chances.push(law(q, k));
    paths.push(value);
    depths.push((depths[best] as number) + 1);
    children.push(0);
  }
  return { parents, chances, acceptLength: paths.reduce((sum, p) => sum + p, 0) };
}

/**
 * The q whose tree of so many nodes has this mean accept length.
 * @throws UsageError when no q gives it.
 */
export function fitAcceptance(acceptLength: number, nodes: number): number {
  let low = 0;
  let high = MAX_Q;
  for (let i = 0; i < STEPS; i++) {
    const middle = (low + high) / 2;
    if (treeOf(middle, nodes).acceptLength < acceptLength) low = middle;
    else high = middle;
  }
  const q = (low + high) / 2;
  if (Math.abs(treeOf(q, nodes).acceptLength - acceptLength) > 1e-6) {
    throw new UsageError(`no tree of ${nodes} nodes and depth ${TREE_DEPTH} accepts ${acceptLength} tokens`, { field: "acceptLength" });
  }
  return q;
}

/** Draws which path of a tree is accepted: nodes from the root on, ascending. At most one child of a node is right. */
export function drawPath(tree: ModelTree, random: Random): number[] {
  const path = [0];
  for (let node = 0; node >= 0;) {
    let u = random.float();
    const from = node;
    node = -1;
    for (let i = from + 1; i < tree.parents.length; i++) {
      if (tree.parents[i] !== from) continue;
      u -= tree.chances[i] as number;
      if (u >= 0) continue;
      node = i;
      path.push(i);
      break;
    }
  }
  return path;
}
