import { UsageError } from "../../errors.ts";
import type { DraftTree } from "../drafters/drafter.ts";

/** Most nodes of a tree, root included: a row's mask is one uint64. */
export const MAX_TREE_NODES = 64;

/** A tree as `Sequence.forward` takes it, and the depth of each node. */
export interface TreeLayout {
  /** Absolute position of each node: that of the root plus the node's depth. */
  readonly positions: Uint32Array;
  /** Bit j of masks[i]: node j is node i or one of its ancestors. */
  readonly masks: BigUint64Array;
  /** Edges from the root. */
  readonly depths: Uint8Array;
}

/**
 * Checks that a tree has 1..maxNodes nodes, a root first, and every parent before its children.
 * @throws UsageError naming the node that is wrong.
 */
export function checkTree(tree: DraftTree, maxNodes = MAX_TREE_NODES): void {
  const { tokens, parents } = tree;
  const limit = Math.min(maxNodes, MAX_TREE_NODES);
  if (tokens.length < 1 || tokens.length > limit)
    throw new UsageError(`has ${tokens.length} nodes; a tree has 1 to ${limit}`, { field: "tree", limit });
  if (parents.length !== tokens.length)
    throw new UsageError(`has ${tokens.length} tokens and ${parents.length} parents`, { field: "tree" });
  if (parents[0] !== -1) throw new UsageError("the first node must be the root, with parent -1", { field: "tree.parents[0]" });
  for (let i = 1; i < parents.length; i++) {
    const parent = parents[i]!;
    if (!Number.isInteger(parent) || parent < 0 || parent >= i)
      throw new UsageError(`must be a node before node ${i}, not ${parent}`, { field: `tree.parents[${i}]` });
  }
}

/**
 * Positions and masks of a tree (eagle2.md section 5).
 * @param tree one that `checkTree` has let through
 * @param start position of the root, which is the length of the sequence
 */
export function layoutTree(tree: DraftTree, start: number): TreeLayout {
  const n = tree.tokens.length;
  const positions = new Uint32Array(n);
  const masks = new BigUint64Array(n);
  const depths = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    const parent = tree.parents[i]!;
    depths[i] = parent < 0 ? 0 : depths[parent]! + 1;
    positions[i] = start + depths[i]!;
    masks[i] = (1n << BigInt(i)) | (parent < 0 ? 0n : masks[parent]!);
  }
  return { positions, masks, depths };
}
