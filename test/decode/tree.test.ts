import { describe, expect, it } from "vitest";
import { checkTree, layoutTree } from "../../src/decode/speculative/tree.ts";
import { verifyTree } from "../../src/decode/speculative/verify.ts";
import { UsageError } from "../../src/errors.ts";

const tree = { tokens: [7, 50, 21, 60, 13, 77, 11], parents: [-1, 0, 0, 2, 2, 1, 3] };

describe("layoutTree", () => {
  it("gives positions, depths and ancestors", () => {
    const { positions, masks, depths } = layoutTree(tree, 100);
    expect(Array.from(depths)).toEqual([0, 1, 1, 2, 2, 2, 3]);
    expect(Array.from(positions)).toEqual([100, 101, 101, 102, 102, 102, 103]);
    expect(Array.from(masks)).toEqual([0b1n, 0b11n, 0b101n, 0b1101n, 0b10101n, 0b100011n, 0b1001101n]);
  });

  it("fills all 64 bits", () => {
    const chain = { tokens: Array.from({ length: 64 }, () => 1), parents: Array.from({ length: 64 }, (_, i) => i - 1) };
    expect(layoutTree(chain, 0).masks[63]).toBe(2n ** 64n - 1n);
  });
});

describe("checkTree", () => {
  it.each<[string, { tokens: number[]; parents: number[] }, number]>([
    ["no node", { tokens: [], parents: [] }, 64],
    ["65 nodes", { tokens: Array.from({ length: 65 }, () => 1), parents: Array.from({ length: 65 }, (_, i) => i - 1) }, 100],
    ["more than asked for", tree, 6],
    ["a parent missing", { tokens: [1, 2], parents: [-1] }, 64],
    ["no root", { tokens: [1], parents: [0] }, 64],
    ["two roots", { tokens: [1, 2], parents: [-1, -1] }, 64],
    ["a node as its own parent", { tokens: [1, 2], parents: [-1, 1] }, 64],
    ["half a parent", { tokens: [1, 2, 3], parents: [-1, 0, 0.5] }, 64],
  ])("refuses %s", (_, wrong, maxNodes) => {
    expect(() => checkTree(wrong, maxNodes)).toThrow(UsageError);
  });
});

describe("verifyTree", () => {
  it("follows the model down the tree, and adds its next token", () => {
    const says = [21, 77, 60, 11, 0, 0, 99];
    const asked: number[] = [];
    const verified = verifyTree(tree, (node) => {
      asked.push(node);
      return says[node]!;
    });
    expect(verified).toEqual({ path: [0, 2, 3, 6], emitted: [21, 60, 11, 99] });
    expect(asked).toEqual([0, 2, 3, 6]);
    expect(verifyTree(tree, () => 1)).toEqual({ path: [0], emitted: [1] });
    // 60 is right after 21, not after 50.
    expect(verifyTree(tree, (node) => (node === 0 ? 50 : 60))).toEqual({ path: [0, 1], emitted: [50, 60] });
  });
});
