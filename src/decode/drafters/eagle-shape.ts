/** Levels, rows a level and nodes of an EAGLE tree. */
export interface EagleShape {
  readonly numIter: number;
  /** Candidates a row, and rows a level. */
  readonly k: number;
  /** Nodes that can be chosen, root included. */
  readonly treeSize: number;
}

/** What to grow for trees up to so many nodes: chosen on greedy and drawn stories of blockffn-nano (bench/RESULTS.md). */
const SHAPES: readonly (EagleShape & { readonly nodes: number })[] = [
  { nodes: 2, numIter: 1, k: 1, treeSize: 2 },
  { nodes: 3, numIter: 2, k: 1, treeSize: 3 },
  { nodes: 4, numIter: 3, k: 1, treeSize: 4 },
  { nodes: 6, numIter: 4, k: 2, treeSize: 6 },
  { nodes: 8, numIter: 6, k: 2, treeSize: 8 },
  { nodes: 12, numIter: 6, k: 2, treeSize: 12 },
  { nodes: 16, numIter: 6, k: 3, treeSize: 16 },
  { nodes: 32, numIter: 8, k: 4, treeSize: 32 },
  { nodes: 64, numIter: 8, k: 6, treeSize: 64 },
];

/** Most rows of a level of any of them. */
export const MAX_LEVEL_ROWS = Math.max(...SHAPES.map(({ k }) => k));

/** The shape for trees of up to `nodes` nodes (root included) over a draft vocabulary: small trees are grown with little effort. */
export function eagleShape(nodes: number, draftVocab: number): EagleShape {
  const { numIter, k, treeSize } = SHAPES.find((shape) => nodes <= shape.nodes) ?? SHAPES[SHAPES.length - 1]!;
  if (k <= draftVocab) return { numIter, k, treeSize };
  const tried = draftVocab + (numIter - 1) * draftVocab ** 2;
  return { numIter, k: draftVocab, treeSize: Math.min(treeSize, tried + 1) };
}
