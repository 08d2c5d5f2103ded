import { describe, expect, it } from "vitest";
import { drawPath, fitAcceptance, TREE_DEPTH, treeOf } from "../../bench/modes/acceptance.ts";
import { ACCEPT_LENGTHS, ACCEPT_NODES, MEAN_ACCEPT_LENGTH } from "../../bench/modes/paper.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { checkTree, layoutTree } from "../../src/decode/speculative/tree.ts";
import { UsageError } from "../../src/errors.ts";

describe("simulated acceptance", () => {
  it("has the paper's accept length for trees of 32 nodes, and less for smaller ones", () => {
    for (const target of [MEAN_ACCEPT_LENGTH, ...Object.values(ACCEPT_LENGTHS)]) {
      const q = fitAcceptance(target, ACCEPT_NODES);
      expect(treeOf(q, ACCEPT_NODES).acceptLength).toBeCloseTo(target, 6);
      const lengths = [1, 2, 4, 8, 16, 32].map((nodes) => treeOf(q, nodes).acceptLength);
      expect(lengths[0]).toBe(1);
      expect(lengths[1]).toBeCloseTo(1 + q, 12);
      lengths.slice(1).forEach((length, i) => expect(length).toBeGreaterThan(lengths[i]!));
    }
  });

  it("grows trees that are trees, as large as asked and no deeper than the authors'", () => {
    for (const nodes of [1, 2, 4, 8, 16, 32, 64]) {
      const { parents, chances } = treeOf(0.4, nodes);
      expect(parents).toHaveLength(nodes);
      checkTree({ tokens: parents.map(() => 1), parents });
      const { depths } = layoutTree({ tokens: parents.map(() => 1), parents }, 0);
      expect(Math.max(...depths)).toBeLessThanOrEqual(TREE_DEPTH);
      parents.forEach((_, node) => {
        const right = parents.reduce((sum, parent, i) => sum + (parent === node ? chances[i]! : 0), 0);
        expect(right).toBeLessThanOrEqual(1);
      });
    }
  });

  it("paths drawn go from the root down and have the mean length that the tree promises", () => {
    const tree = treeOf(fitAcceptance(2.66, 32), 32);
    const random = createRandom(11);
    let sum = 0;
    const rounds = 20_000;
    for (let i = 0; i < rounds; i++) {
      const path = drawPath(tree, random);
      path.forEach((node, at) => expect(tree.parents[node]).toBe(at === 0 ? -1 : path[at - 1]));
      sum += path.length;
    }
    // Standard error below 0.01.
    expect(Math.abs(sum / rounds - 2.66)).toBeLessThan(0.04);
  });

  it("refuses a length that no tree of that depth gives", () => {
    expect(() => fitAcceptance(4.5, 32)).toThrow(UsageError);
    expect(() => fitAcceptance(0.5, 32)).toThrow(UsageError);
  });
});
