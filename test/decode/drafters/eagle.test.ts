import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { llamaShape } from "../../../synthetic/shapes.ts";
import { syntheticEagle, syntheticModel } from "../../../synthetic/model.ts";
import { EagleDrafter } from "../../../src/decode/drafters/eagle.ts";
import { layoutTree } from "../../../src/decode/speculative/tree.ts";
import { verifyTree } from "../../../src/decode/speculative/verify.ts";
import type { Host } from "../../../src/host.ts";
import { loadEagle } from "../../../src/load/eagle.ts";
import { loadModel } from "../../../src/load/load.ts";
import { largestDifference } from "../../helpers/compare.ts";
import { describeShared, sharedPath } from "../../helpers/shared.ts";
import { bytesSource, diskFiles, testHost, TIERS } from "../../helpers/test-host.ts";
import { readVectors } from "../../helpers/vectors.ts";

const HISTORY = 1e-4;

interface Case {
  readonly num_iter: number;
  readonly topk_per_iter: number;
  readonly tree_size: number;
  readonly V: number;
  readonly base_model: string;
  readonly eagle: string;
}

/** The disk, with a frequency ranking put into the folder. */
function hostWithRanking(ranking: readonly number[]): Host {
  return {
    ...testHost,
    open: async (location) => {
      const files = diskFiles(location);
      const extra = bytesSource(new TextEncoder().encode(JSON.stringify(ranking)), "token_frequency_rank.json");
      return { ...files, open: async (name) => (name === "token_frequency_rank.json" ? extra : files.open(name)) };
    },
  };
}

it("says the same when it is asked twice", async () => {
  const config = llamaShape({ hidden: 64, layers: 2, heads: 4, kvHeads: 2, ffn: 96, vocab: 200, tied: true });
  const base = await syntheticModel(testHost, config, "f32", "simd");
  const drafter = new EagleDrafter(syntheticEagle(base, 200), { capacity: 64, numIter: 3, topkPerIter: 4, treeSize: 16 });
  const tokens = [3, 14, 15, 92, 65, 35];
  const result = base.newSequence({ capacity: 64 }).forward(tokens);
  drafter.accept(
    tokens,
    tokens.map((_, i) => (i === 0 ? new Float32Array(0) : result.hidden(i - 1).slice())),
  );
  const trees = [0, 1, 2].map(() => ({ tree: drafter.propose(16), scores: drafter.growth.histVal.slice() }));
  expect(trees[1]).toEqual(trees[0]);
  expect(trees[2]).toEqual(trees[0]);
  drafter.dispose();
  base.dispose();
});

// Whole greedy runs of the official algorithm: golden/README.md, spec/.
describeShared("EAGLE-2", "golden/spec", () => {
  const { cases } = JSON.parse(readFileSync(sharedPath("golden/spec/e2e.json"), "utf8")) as { cases: Record<string, Case> };
  const vectors = readVectors(sharedPath("golden/spec/e2e.safetensors"));

  for (const [name, info] of Object.entries(cases)) {
    const all = (key: string): number[] => Array.from(vectors.get(`${name}.${key}`)?.data ?? []);
    const inRound = (key: string, round: number): number[] => {
      const { shape, data } = vectors.get(`${name}.${key}`) as { shape: number[]; data: ArrayLike<number> };
      const size = shape.slice(1).reduce((a, b) => a * b, 1);
      return Array.from({ length: size }, (_, i) => data[round * size + i] as number);
    };
    const unpadded = (values: readonly number[]): number[] => values.filter((value) => value !== -1);

    for (const tier of TIERS) {
      it(`${name}, ${tier}: every round's trees, scores and accepted tokens`, async () => {
        const base = await loadModel(testHost, sharedPath(`golden/${info.base_model}`), { tier });
        const remap = all("token_id_remap");
        const reduced = info.V < base.config.vocabSize;
        const head = await loadEagle(
          hostWithRanking(remap),
          sharedPath(`golden/${info.eagle}`),
          base,
          reduced ? { draftVocab: info.V } : {},
        );
        const drafter = new EagleDrafter(head, {
          capacity: 128,
          numIter: info.num_iter,
          topkPerIter: info.topk_per_iter,
          treeSize: info.tree_size,
        });
        const sequence = base.newSequence({ capacity: 128 });
        const prompt = all("prompt");
        const first = sequence.forward(prompt);
        const tokens = [first.argmax(0)];
        drafter.accept([...prompt, tokens[0] as number], [new Float32Array(0), ...prompt.map((_, i) => first.hidden(i))]);

        const rounds = all("accept_lengths").length;
        for (let round = 0; round < rounds; round++) {
          const cached = sequence.length;
          expect(cached).toBe(all("cache_length")[round]);
          const tree = drafter.propose(info.tree_size);
          const { histVal, histPos, histParent } = drafter.growth;
          expect(largestDifference(histVal, inRound("hist_val", round))).toBeLessThan(HISTORY);
          expect(Array.from(histPos)).toEqual(inRound("hist_pos", round));
          expect(Array.from(histParent)).toEqual(inRound("hist_parent", round));
          expect(tree.tokens).toEqual(inRound("tree_draft_ids", round));
          expect(tree.parents.slice(1)).toEqual(inRound("tree_parent", round).slice(1));
          const { positions, masks } = layoutTree(tree, cached);
          expect(Array.from(positions)).toEqual(inRound("tree_position_ids", round));
          expect(Array.from(new Int32Array(masks.buffer))).toEqual(inRound("tree_mask_u32", round));

          const result = sequence.forward(tree.tokens, { logits: "all", tree: { positions, masks } });
          const truth = tree.tokens.map((_, i) => result.argmax(i));
          expect(truth).toEqual(inRound("tree_gt_ids", round));
          const { path, emitted } = verifyTree(tree, (node) => truth[node] as number);
          expect(path).toEqual(unpadded(inRound("accepted_path", round)));
          expect(emitted).toEqual(unpadded(inRound("emitted", round)));
          drafter.accept(
            emitted,
            path.map((node) => result.hidden(node)),
          );
          sequence.keep(path);
          tokens.push(...emitted);
        }
        expect(tokens.slice(0, all("tokens").length)).toEqual(all("tokens"));
        base.dispose();
      });
    }
  }
});
