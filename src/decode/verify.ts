import type { DraftTree } from "./drafters/drafter.ts";

/** What the model confirms of a tree. */
export interface Verified {
  /** Nodes from the root to the deepest accepted one: the rows that the cache keeps. */
  readonly path: readonly number[];
  /** The model's own next token at each node of the path: the accepted drafts, and one more. */
  readonly emitted: readonly number[];
}

/**
 * Greedy verification (eagle2.md section 6): a node is accepted when its token is the model's choice after its parent and
 * the parent is accepted. The emitted tokens are exactly those of plain greedy decoding. Accept length = path.length >= 1.
 * @param greedy the model's likeliest token after a node; only asked for nodes of the path
 */
export function verifyGreedy(tree: DraftTree, greedy: (node: number) => number): Verified {
  const path: number[] = [];
  const emitted: number[] = [];
  for (let node = 0; node >= 0; ) {
    const next = greedy(node);
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
