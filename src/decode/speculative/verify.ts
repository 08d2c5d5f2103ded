import type { DraftTree } from "../drafters/drafter.ts";

/** What the model confirms of a tree. */
export interface Verified {
  /** Nodes from the root to the deepest accepted one: the rows that the cache keeps. */
  readonly path: readonly number[];
  /** The model's own next token at each node of the path: the accepted drafts, and one more. */
  readonly emitted: readonly number[];
}

/**
 * Verifies a tree: at the root, and at each node that is reached, the next token is chosen exactly as plain decoding chooses it
 * (greedy, or drawn from the adjusted distribution); where a child has that token, it is the next node. Accept length =
 * path.length >= 1.
 *
 * Greedy, this is the verification of eagle2.md section 6. Drawn, it is tree rejection sampling (SpecInfer, arXiv 2305.09781,
 * algorithm 2; for one draft arXiv 2211.17192 and 2302.01318) for trees that are fixed before the draw, as all drafters here make
 * them: a proposal is then a point mass, child x is accepted with probability p(x), and after a refusal p is left without x.
 * Whatever is drafted, a token y thus comes out with probability p(y), and no other lossless rule accepts more often than p(any
 * child). Drawing from p itself does the same with one random number a token, the one that plain decoding would use: the same
 * seed gives the same text.
 * @param choose the model's next token after a node; called for the nodes of the path only, in order
 */
export function verifyTree(tree: DraftTree, choose: (node: number) => number): Verified {
  const path: number[] = [];
  const emitted: number[] = [];
  for (let node = 0; node >= 0;) {
    const next = choose(node);
    path.push(node);
    emitted.push(next);
    node = childWith(tree, node, next);
  }
  return { path, emitted };
}

/** The child of a node that has this token; -1 when there is none. Children come after their parents. */
function childWith({ tokens, parents }: DraftTree, node: number, token: number): number {
  for (let i = node + 1; i < tokens.length; i++) if (parents[i] === node && tokens[i] === token) return i;
  return -1;
}
