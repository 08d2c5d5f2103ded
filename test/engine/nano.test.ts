import { expect, it } from "vitest";
import { loadModel } from "../../src/load/load.ts";
import { largestDifference } from "../helpers/compare.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { testHost, TIERS } from "../helpers/test-host.ts";
import { readVectors } from "../helpers/vectors.ts";

// blockffn-nano against the authors' code in float32: its smallest greedy margin is 1e-3.
describeShared("blockffn-nano", "checkpoints/blockffn-nano", () => {
  const folder = sharedPath("checkpoints/blockffn-nano");
  const golden = readVectors(`${folder}/golden.safetensors`);
  const vector = (key: string) => golden.get(key)?.data as Float32Array;

  for (const tier of TIERS) {
    it(`${tier}, f32: logits of four prompts within 2e-4, 48 greedy tokens each`, async () => {
      const model = await loadModel(testHost, folder, { tier });
      for (let p = 0; p < 4; p++) {
        const ids = vector(`p${p}.input_ids`);
        const sequence = model.newSequence({ capacity: 128 });
        const result = sequence.forward(ids, { logits: "all" });
        const want = vector(`p${p}.logits`);
        const { vocabSize } = model.config;
        for (let i = 0; i < ids.length; i++) {
          expect(largestDifference(result.logits(i), want.subarray(i * vocabSize, (i + 1) * vocabSize))).toBeLessThan(2e-4);
        }
        const out = [result.argmax(ids.length - 1)];
        while (out.length < 48) out.push(sequence.forward([out[out.length - 1] as number]).argmax(0));
        expect(out).toEqual(Array.from(vector(`p${p}.greedy.tokens`)));
        sequence.dispose();
      }
      model.dispose();
    });
  }
});
