import { readFileSync } from "node:fs";
import { expect, it, describe } from "vitest";
import { EagleTreeGrowth, topLogProbabilities } from "../../../src/decode/drafters/eagle-tree.ts";
import { topK } from "../../../src/decode/drafters/top-k.ts";
import { layoutTree } from "../../../src/decode/speculative/tree.ts";
import { verifyTree } from "../../../src/decode/speculative/verify.ts";
import { FormatError, UsageError } from "../../../src/errors.ts";
import { largestDifference } from "../../helpers/compare.ts";
import { describeShared, sharedPath } from "../../helpers/shared.ts";
import { readVectors } from "../../helpers/vectors.ts";

interface Case {
  num_iter: number;
  topk_per_iter: number;
  tree_size: number;
  pos_offset: number;
  root_token: number;
  accept_lengths: number[];
}

describeShared("EAGLE-2 trees of the official kernels", "golden/spec", () => {
  const golden = readVectors(sharedPath("golden/spec/tree_unit.safetensors"));
  const cases = JSON.parse(readFileSync(sharedPath("golden/spec/tree_unit.json"), "utf8")) as Record<string, Case>;

  for (const [name, c] of Object.entries(cases)) {
    const vector = (key: string): { shape: number[]; data: Float32Array } =>
      golden.get(`${name}.${key}`) as { shape: number[]; data: Float32Array };
    const list = (key: string): number[] => Array.from(vector(key).data);
    const rows = (key: string): Float32Array[] => {
      const { shape, data } = vector(key);
      return Array.from({ length: shape[0]! }, (_, i) => data.subarray(i * shape[1]!, (i + 1) * shape[1]!));
    };
    const remap = list("token_id_remap");
    const grow = (): EagleTreeGrowth => {
      const growth = new EagleTreeGrowth({ numIter: c.num_iter, topkPerIter: c.topk_per_iter, treeSize: c.tree_size, tokenIdRemap: remap });
      let frontier = growth.start(rows("logits_d0")[0]!);
      for (let d = 1; frontier !== undefined; d++) frontier = growth.extend(rows(`logits_d${d}`));
      return growth;
    };

    it(`${name}: history and tree`, () => {
      const growth = grow();
      expect(largestDifference(growth.histVal, vector("hist_val").data)).toBeLessThan(2e-6);
      expect(Array.from(growth.histPos)).toEqual(list("hist_pos"));
      if (c.num_iter > 1) expect(Array.from(growth.histParent)).toEqual(list("hist_parent"));
      const tree = growth.choose(c.root_token);
      expect(Array.from(tree.chosen)).toEqual(list("topk_pos"));
      expect(tree.tokens).toEqual(list("tree_draft_ids"));
      const { positions, masks } = layoutTree(tree, c.pos_offset);
      expect(Array.from(positions)).toEqual(list("tree_position_ids"));
      expect(Array.from(new Int32Array(masks.buffer))).toEqual(list("tree_mask_u32"));
      expect(tree.parents.slice(1)).toEqual(list("tree_parent").slice(1));
    });

    it(`${name}: a smaller tree is its beginning`, () => {
      const growth = grow();
      const tree = growth.choose(c.root_token);
      const small = growth.choose(c.root_token, 5);
      expect(small.tokens).toEqual(tree.tokens.slice(0, 5));
      expect(small.parents).toEqual(tree.parents.slice(0, 5));
      expect(growth.choose(c.root_token, 1).tokens).toEqual([c.root_token]);
    });

    it(`${name}: greedy verification`, () => {
      const tree = grow().choose(c.root_token);
      rows("verify.gt").forEach((gt, v) => {
        const { path, emitted } = verifyTree(tree, (node) => gt[node]!);
        const padded = (values: readonly number[]): number[] => Array.from({ length: 8 }, (_, i) => values[i] ?? -1);
        expect(path.length).toBe(list("verify.accept_length")[v]);
        expect(path.length).toBe(c.accept_lengths[v]);
        expect(path.at(-1)).toBe(list("verify.best_index")[v]);
        expect(padded(path)).toEqual(Array.from(rows("verify.path")[v]!));
        expect(padded(emitted)).toEqual(Array.from(rows("verify.emitted")[v]!));
      });
    });
  }

  it("equal values by ascending index", () => {
    const { shape, data } = golden.get("topk_ties.x")!;
    const width = shape[1]!;
    for (let r = 0; r < shape[0]!; r++) {
      const x = data.subarray(r * width, (r + 1) * width);
      const best = topK(x, 31);
      expect(Array.from(best)).toEqual(Array.from(golden.get("topk_ties.pos")!.data.subarray(r * 31, (r + 1) * 31)));
      expect(Array.from(best, (i) => x[i])).toEqual(Array.from(golden.get("topk_ties.val")!.data.subarray(r * 31, (r + 1) * 31)));
    }
  });
});

describe("EagleTreeGrowth", () => {
  it.each([
    ["numIter", { numIter: 0 }],
    ["numIter", { numIter: 8 }],
    ["topkPerIter", { topkPerIter: 1.5 }],
    ["treeSize", { treeSize: 65 }],
    ["treeSize", { numIter: 1, treeSize: 12 }],
    ["tokenIdRemap", { tokenIdRemap: [1, 2] }],
  ])("refuses a wrong %s: %j", (field, options) => {
    expect(() => new EagleTreeGrowth(options)).toThrow(UsageError);
    expect(() => new EagleTreeGrowth(options)).toThrow(new RegExp(`^${field}: `));
  });

  it("refuses logits of another size, NaN, and calls in the wrong order", () => {
    const growth = new EagleTreeGrowth({ topkPerIter: 2, numIter: 2, treeSize: 4, tokenIdRemap: [5, 6, 7] });
    expect(() => growth.choose(1)).toThrow(UsageError);
    expect(() =>
      growth.extend([
        [1, 2, 3],
        [1, 2, 3],
      ]),
    ).toThrow(UsageError);
    expect(() => growth.start([1, 2])).toThrow(UsageError);
    expect(() => growth.start([1, NaN, 2])).toThrow(FormatError);
    growth.start([1, 2, 3]);
    expect(() => growth.extend([[1, 2, 3]])).toThrow(UsageError);
  });

  it("log-probabilities survive large logits", () => {
    const { ids, values } = topLogProbabilities([1000, 1000, -1000], 2);
    expect(Array.from(ids)).toEqual([0, 1]);
    expect(values[0]).toBeCloseTo(-Math.LN2, 6);
  });

  it("grows with another k, where parents are found too", () => {
    const growth = new EagleTreeGrowth({ topkPerIter: 2, numIter: 4, treeSize: 8 });
    let frontier = growth.start([0, 1, 2, 3]);
    while (frontier !== undefined)
      frontier = growth.extend([
        [0, 1, 2, 9],
        [0, 1, 9, 3],
      ]);
    const tree = growth.choose(1);
    const { tokens, parents } = tree;
    const { depths } = layoutTree(tree, 10);
    expect(tokens).toHaveLength(8);
    parents.forEach((parent, i) => expect(parent).toBeLessThan(i));
    expect(Math.max(...depths)).toBe(4);
  });
});
