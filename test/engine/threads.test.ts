import { expect, it } from "vitest";
import { loadEagle } from "../../src/load/eagle.ts";
import { EagleDrafter } from "../../src/decode/drafters/eagle.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { loadModel } from "../../src/load/load.ts";
import { QUANTIZATIONS, type Quantization } from "../../src/architecture/quantization.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { TIERS } from "../helpers/test-host.ts";
import { onAllThreads } from "../../synthetic/threads.ts";
import { sharedCalls, threadedHost } from "../helpers/threads.ts";

// The number of threads must not change a bit: it only says who computes what.
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
const host = threadedHost();

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

const same = (a: Uint32Array, b: Uint32Array): boolean => a.length === b.length && a.every((word, i) => word === b[i]);

describeShared("threads", "golden/models", () => {
  for (const name of MODELS) {
    for (const tier of TIERS) {
      for (const quantize of TYPES) {
        // The scalar tier differs only in its kernels, which know no threads; quantising the default model takes a while.
        if (tier === "scalar" && (quantize === "q4" || name.startsWith("checkpoints"))) continue;
        it(`${name}, ${tier}, ${quantize}: 1, 2 and 3 threads give the same bits, at 64, 7 and 1 tokens at a time`, async () => {
          const load = async (threads: number): Promise<ModelInstance> =>
            onAllThreads(await loadModel(host, sharedPath(name), { tier, quantize, threads }));
          const one = await load(1);
          expect(one.engine.team).toBeUndefined();
          const ids = Array.from({ length: 64 }, (_, i) => (i * 37 + 11) % one.config.vocabSize);
          const whole = feed(one, ids, 64);
          one.dispose();
          for (const threads of [2, 3]) {
            const model = await load(threads);
            expect(model.threads).toBe(threads);
            for (const step of [64, 7, 1]) expect(same(feed(model, ids, step), whole), `${threads} threads, ${step} at a time`).toBe(true);
            model.ffn = "dense";
            expect(same(feed(model, ids, 7), whole), "dense").toBe(true);
            expect(sharedCalls(model)).toBe(1 + 10 + 64 + 10);
            model.dispose();
          }
        });
      }
    }
  }

  it("alone and together within one sequence, as the guard chooses, give the same bits", async () => {
    const model = await loadModel(host, sharedPath("golden/models/mla_block_rms"), { quantize: "q8", threads: 2 });
    const team = model.engine.team as NonNullable<typeof model.engine.team>;
    const ids = Array.from({ length: 60 }, (_, i) => (i * 37 + 11) % model.config.vocabSize);
    const whole = feed(model, ids, 60);
    const sequence = model.newSequence({ capacity: 60 });
    ids.forEach((id, i) => {
      team.always = i % 3 === 0;
      const logits = new Uint32Array(sequence.forward([id]).logits(0).slice().buffer);
      expect(same(logits, whole.subarray(i * model.config.vocabSize, (i + 1) * model.config.vocabSize))).toBe(true);
    });
    model.dispose();
  });

  it("trees and keep() are as on one thread, and sequences do not disturb each other", async () => {
    const tokens = [7, 50, 21, 60, 13, 77, 11];
    const parents = [-1, 0, 0, 2, 2, 1, 3];
    const masks = new BigUint64Array(tokens.length);
    const positions = tokens.map(() => 0);
    parents.forEach((parent, i) => {
      masks[i] = (1n << BigInt(i)) | (parent < 0 ? 0n : (masks[parent] as bigint));
      positions[i] = parent < 0 ? 5 : (positions[parent] as number) + 1;
    });
    for (const name of ["golden/models/gqa_blocklinear_rms", "golden/models/mla_block_rms"]) {
      const results: Float32Array[][] = [];
      for (const threads of [1, 2]) {
        const model = onAllThreads(await loadModel(host, sharedPath(name), { quantize: "q8", threads }));
        const [a, b] = [model.newSequence({ capacity: 32 }), model.newSequence({ capacity: 48 })];
        a.forward([5, 17, 3, 99, 42]);
        b.forward([9, 8, 7]);
        const tree = a.forward(tokens, { logits: "all", tree: { positions, masks } });
        const out = tokens.map((_, i) => tree.logits(i).slice());
        out.push(b.forward([6]).logits(0).slice());
        a.keep([0, 2, 3, 6]);
        out.push(a.forward([33]).logits(0).slice(), b.forward([5, 4]).logits(0).slice());
        results.push(out);
        model.dispose();
      }
      expect(results[1]).toEqual(results[0]);
    }
  });

  it("the other golden models give the same bits on 2 threads as on one", async () => {
    for (const name of [
      "gqa_block_none",
      "gqa_blocklinear_sum",
      "gqa_moe_sparse_mixer",
      "gqa_moe_topp",
      "mla_moe_deepseek_shared",
      "mla_moe_relu",
    ]) {
      const path = sharedPath(`golden/models/${name}`);
      const runs: Uint32Array[] = [];
      for (const threads of [1, 2]) {
        const model = onAllThreads(await loadModel(host, path, { threads }));
        const ids = Array.from({ length: 24 }, (_, i) => (i * 37 + 11) % model.config.vocabSize);
        runs.push(feed(model, ids, 24), feed(model, ids, 1));
        model.dispose();
      }
      expect(same(runs[2] as Uint32Array, runs[0] as Uint32Array) && same(runs[3] as Uint32Array, runs[0] as Uint32Array), name).toBe(true);
    }
  });
});

describeShared("threads of an EAGLE head", "golden/spec", () => {
  it("drafts the same trees on 1 and 2 threads", async () => {
    const trees: unknown[] = [];
    for (const threads of [1, 2]) {
      const base = onAllThreads(await loadModel(host, sharedPath("golden/models/gqa_blocklinear_rms"), { threads, quantize: "q8" }));
      const head = await loadEagle(host, sharedPath("golden/spec/eagle"), base);
      const drafter = new EagleDrafter(head, { capacity: 64 });
      const tokens = [5, 17, 3, 99, 42];
      const result = base.newSequence({ capacity: 64 }).forward(tokens.slice(0, 4), { logits: "all" });
      drafter.accept(
        tokens,
        tokens.map((_, i) => (i === 0 ? new Float32Array(0) : result.hidden(i - 1).slice())),
      );
      trees.push([drafter.propose(32), drafter.propose(1)]);
      base.dispose();
    }
    expect(trees[1]).toEqual(trees[0]);
  });
});
