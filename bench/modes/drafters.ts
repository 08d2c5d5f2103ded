import type { Drafter } from "../../src/decode/drafters/drafter.ts";
import { EagleDrafter } from "../../src/decode/drafters/eagle.ts";
import { NgramDrafter } from "../../src/decode/drafters/ngram.ts";
import type { EagleHead } from "../../src/engine/eagle.ts";

/** How a tree is grown: edges from the root, and candidates of a node. */
export interface Growth {
  readonly depth: number;
  readonly width: number;
}

/** A drafter that grows trees of up to `nodes` nodes. The only place here that knows how the library makes them. */
export function newDrafter(kind: "ngram"): Drafter;
export function newDrafter(kind: "eagle", head: EagleHead, nodes: number, capacity: number, growth?: Growth): Drafter;
export function newDrafter(kind: "ngram" | "eagle", head?: EagleHead, nodes = 2, capacity = 1, growth = growthFor(nodes)): Drafter {
  if (kind === "ngram" || head === undefined) return new NgramDrafter();
  const { depth, width } = growth;
  const tried = width + (depth - 1) * width * width;
  return new EagleDrafter(head, {
    capacity: Math.min(capacity, head.config.contextLength),
    numIter: depth,
    topkPerIter: width,
    treeSize: Math.min(nodes, 1 + tried),
  });
}

/** The authors' 3 levels of 10 candidates, and less for trees that have no use for them. */
function growthFor(nodes: number): Growth {
  return { depth: Math.min(3, nodes - 1), width: Math.min(10, nodes - 1) };
}
