import { expect, it } from "vitest";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { loadModel } from "../../src/load/load.ts";
import { QUANTIZATIONS, type Quantization } from "../../src/architecture/quantization.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { testHost, TIERS } from "../helpers/test-host.ts";

// A row's result must not depend on the chunk it came in: this is what makes speculative decoding lossless.
const MODELS = [
  "golden/models/gqa_blocklinear_rms",
  "golden/models/mla_block_rms",
  "golden/models/gqa_moe_topk",
  "golden/models/gqa_dense",
  "checkpoints/blockffn-nano",
  "golden/deco/models/deco_tiny_a",
  "golden/deco/models/deco_tiny_b",
];
const TYPES: readonly Quantization[] = QUANTIZATIONS;

/** Logits of every row as raw bits, fed `step` tokens at a time. */
function feed(model: ModelInstance, ids: readonly number[], step: number): Uint32Array {
  const sequence = model.newSequence({ capacity: ids.length });
  const out = new Float32Array(ids.length * model.config.vocabSize);
  for (let at = 0; at < ids.length; at += step) {
    const chunk = ids.slice(at, at + step);
    const result = sequence.forward(chunk, { logits: "all" });
    for (let i = 0; i < chunk.length; i++) out.set(result.logits(i), (at + i) * model.config.vocabSize);
  }
  sequence.dispose();
  return new Uint32Array(out.buffer);
}

/** Words that differ; -1 for different lengths. */
function differences(a: Uint32Array, b: Uint32Array): number {
  if (a.length !== b.length) return -1;
  let count = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) count++;
  return count;
}

describeShared("chunks", "golden/models", () => {
  for (const name of MODELS) {
    for (const tier of TIERS) {
      for (const quantize of TYPES) {
        it(`${name}, ${tier}, ${quantize}: 64 tokens at 64, 7, 2 and 1 at a time give the same bits`, async () => {
          const model = await loadModel(testHost, sharedPath(name), { tier, quantize });
          const ids = Array.from({ length: 64 }, (_, i) => (i * 37 + 11) % model.config.vocabSize);
          const whole = feed(model, ids, 64);
          expect(new Float32Array(whole.buffer).every(Number.isFinite)).toBe(true);
          expect(differences(feed(model, ids, 7), whole)).toBe(0);
          expect(differences(feed(model, ids, 2), whole)).toBe(0);
          expect(differences(feed(model, ids, 1), whole)).toBe(0);
          model.ffn = "dense";
          expect(differences(feed(model, ids, 7), whole)).toBe(0);
          model.dispose();
        });
      }
    }
  }

  for (const tier of TIERS) {
    it(`${tier}: a tree's path equals the chain, and keep() leaves the cache as the chain would`, async () => {
      for (const name of ["golden/models/gqa_blocklinear_rms", "golden/models/mla_block_rms"]) {
        const model = await loadModel(testHost, sharedPath(name), { tier, quantize: "q8" });
        const prompt = [5, 17, 3, 99, 42];
        const chain = [7, 21, 60, 11];
        const plain = model.newSequence({ capacity: 32 });
        plain.forward(prompt);
        const expected = plain.forward(chain, { logits: "all" });
        const want = chain.map((_, i) => new Uint32Array(expected.logits(i).slice().buffer));
        const after = plain.forward([33]).logits(0).slice();

        // Nodes 0, 2, 3, 6 are the chain; 1, 4, 5 are other branches.
        const tokens = [7, 50, 21, 60, 13, 77, 11];
        const parents = [-1, 0, 0, 2, 2, 1, 3];
        const path = [0, 2, 3, 6];
        const masks = new BigUint64Array(tokens.length);
        const positions = tokens.map(() => 0);
        parents.forEach((parent, i) => {
          masks[i] = (1n << BigInt(i)) | (parent < 0 ? 0n : (masks[parent] as bigint));
          positions[i] = parent < 0 ? prompt.length : (positions[parent] as number) + 1;
        });
        const tree = model.newSequence({ capacity: 32 });
        tree.forward(prompt);
        const result = tree.forward(tokens, { logits: "all", tree: { positions, masks } });
        path.forEach((node, i) => expect(new Uint32Array(result.logits(node).slice().buffer)).toEqual(want[i]));
        tree.keep(path);
        expect(tree.length).toBe(prompt.length + chain.length);
        expect(tree.forward([33]).logits(0).slice()).toEqual(after);
        model.dispose();
      }
    });
  }
});
