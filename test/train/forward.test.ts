import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { expertLayers } from "../../src/architecture/config.ts";
import { parseHfConfig } from "../../src/format/hf/config.ts";
import type { np } from "../../train/autodiff/jax.ts";
import { intTensor, jit, startAutodiff, tensor, type Tensors } from "../../train/autodiff/jax.ts";
import { forwardHidden, headLogits, ropeDim } from "../../train/model/forward.ts";
import { ropeTables } from "../../train/model/rope.ts";
import { largestDifference } from "../helpers/compare.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { readVectors } from "../helpers/vectors.ts";

beforeAll(async () => void (await startAutodiff()));

const MODELS = [
  "gqa_block_none",
  "gqa_blocklinear_rms",
  "gqa_blocklinear_sum",
  "gqa_dense",
  "gqa_moe_sparse_mixer",
  "gqa_moe_topk",
  "mla_block_rms",
  "mla_moe_deepseek_shared",
  "mla_moe_relu",
];

describeShared("the trainer's forward pass", "golden/models", () => {
  it.each(MODELS)("%s: golden logits, hidden states and router scores", (name) => expectGolden(sharedPath(`golden/models/${name}`), 1e-3));
});

describeShared("the trainer's forward pass of DECO", "golden/deco/models", () => {
  const folder = sharedPath("golden/deco/models");
  it.each(readdirSync(folder).sort())("%s: golden logits, hidden states and router scores", (name) =>
    expectGolden(join(folder, name), 1e-4),
  );
});

function expectGolden(folder: string, tolerance: number): void {
  const config = parseHfConfig(readFileSync(join(folder, "config.json")), "config.json");
  const weights: Tensors = Object.fromEntries(
    [...readVectors(join(folder, "model.safetensors"))].map(([key, { data, shape }]) => [key, tensor(data as Float32Array, shape)]),
  );
  const golden = readVectors(join(folder, "golden.safetensors"));
  const ids = golden.get("input_ids")!.data as Int32Array;
  // Two documents, the second in front: what stands before it in the row must not be seen.
  const run = jit((w: Tensors, ids, segments, cos, sin) => {
    const { hidden, routings } = forwardHidden(config, w, { ids, segments, cos, sin });
    return {
      logits: headLogits(config, w, hidden.ref),
      hidden,
      scores: routings.map(({ scores }) => scores),
      raw: routings.map(({ raw }) => raw),
    };
  });
  const length = ids.length;
  const { cos, sin } = ropeTables(length, ropeDim(config), config.ropeTheta);
  const segments = Int32Array.from({ length: 2 * length }, (_, i) => (i < length ? 0 : i));
  const out = run(
    weights,
    intTensor(Int32Array.from([...ids, ...Array.from(ids).reverse()]), [2, length]),
    intTensor(segments, [2, length]),
    cos,
    sin,
  );
  const vocab = config.vocabSize;
  const cut = (x: np.Array, width: number): Float32Array => (x.dataSync() as Float32Array).subarray(0, length * width);
  expect(largestDifference(cut(out.logits, vocab), golden.get("logits")!.data)).toBeLessThan(tolerance);
  // States go up to 168 in one model, where 1e-4 is a few roundings.
  const states = golden.get("final_norm")!.data;
  const largest = Math.max(...Array.from(states, Math.abs));
  expect(largestDifference(cut(out.hidden, config.hiddenSize), states)).toBeLessThan(Math.max(1e-4, 1e-5 * largest));
  if (config.ffn.kind !== "experts") return;
  for (const [i, l] of expertLayers(config).entries()) {
    const scores = cut(out.scores[i]!, config.ffn.experts);
    const block = golden.get(`layer${l}.router_score`);
    if (block !== undefined) expect(largestDifference(scores, block.data)).toBeLessThan(5e-5);
    else expect(largestDifference(scores, dense(golden, l, length, config.ffn.experts))).toBeLessThan(5e-5);
  }
}

/** Golden top-k indices and scores of a layer as rows of scores. */
function dense(golden: ReturnType<typeof readVectors>, l: number, tokens: number, experts: number): Float32Array {
  const { data: indices } = golden.get(`layer${l}.topk_indices`)!;
  const { data: scores } = golden.get(`layer${l}.topk_scores`)!;
  const out = new Float32Array(tokens * experts);
  const k = indices.length / tokens;
  indices.forEach((expert, i) => {
    if (expert >= 0) out[Math.floor(i / k) * experts + expert]! += scores[i]!;
  });
  return out;
}
