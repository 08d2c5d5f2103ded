import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { expertLayers } from "../../src/architecture/config.ts";
import { Taps } from "../../src/engine/taps.ts";
import { parseHfConfig } from "../../src/format/hf/config.ts";
import { expectedHfTensors } from "../../src/format/hf/tensors.ts";
import { loadModel } from "../../src/load/load.ts";
import { SparsityCounter } from "../../src/sparsity/stats.ts";
import { largestDifference } from "../helpers/compare.ts";
import { decoBranch, type DecoJson, type Tensors } from "../helpers/deco-reference.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { testHost, TIERS } from "../helpers/test-host.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { tinySafetensors } from "../helpers/tiny-safetensors.ts";
import { readVectors } from "../helpers/vectors.ts";
import { packTo } from "../helpers/wasi.ts";

const TOLERANCE = 1e-4;
const SCORES = 5e-5;

describeShared("the float64 reference of these tests", "golden/deco/models", () => {
  const folder = sharedPath("golden/deco/models");
  it.each(readdirSync(folder).sort())("%s: gives the official feed-forward branches", (name) => {
    const config = JSON.parse(readFileSync(join(folder, name, "config.json"), "utf8")) as DecoJson;
    const weights = readVectors(join(folder, name, "model.safetensors"));
    const golden = readVectors(join(folder, name, "golden.safetensors"));
    const hidden = config.hidden_size;
    for (let l = 0; l < config.num_layers; l++) {
      const before = golden.get(l === 0 ? "embeds" : `layer${l - 1}.hidden`)!.data;
      const attn = golden.get(`layer${l}.attn_out`)!.data;
      const gamma = weights.get(`model.layers.${l}.post_attention_layernorm.weight`)!.data;
      const tensors: Tensors = (tensor) => weights.get(`model.layers.${l}.${tensor}`)!.data;
      const want = golden.get(`layer${l}.mlp_out`)!.data;
      for (let t = 0; t < want.length / hidden; t++) {
        const x = Array.from({ length: hidden }, (_, i) => before[t * hidden + i]! + attn[t * hidden + i]!);
        const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / hidden + config.norm_epsilon);
        const { out } = decoBranch(
          config,
          tensors,
          l,
          x.map((v, i) => v * scale * gamma[i]!),
        );
        expect(largestDifference(Float32Array.from(out), want.slice(t * hidden, (t + 1) * hidden) as Float32Array)).toBeLessThan(TOLERANCE);
      }
    }
  });
});

const PUBLISHED = {
  architectures: ["BlockFFNForCausalLM"],
  model_type: "blockffn",
  hidden_size: 40,
  num_attention_heads: 4,
  head_dim: 10,
  vocab_size: 90,
  max_position_embeddings: 64,
  // The base file's, which nobody keeps up to date.
  num_hidden_layers: 7,
  num_key_value_heads: 1,
  intermediate_size: 999,
  rms_norm_eps: 1e-3,
  router_type: "topk",
  moe_router_topk: 2,
  num_layers: 3,
  num_query_groups: 2,
  ffn_hidden_size: 50,
  norm_epsilon: 1e-5,
  bos_token_id: 1,
  eos_token_id: [2, 80],
  num_experts: 37,
  moe_ffn_hidden_size: 13,
  moe_shared_expert_intermediate_size: 20,
  moe_layer_freq: [0, 1, 1],
  router_act_func: "relu",
  router_norm_type: "simple",
  router_norm_init_var: 0.3,
  router_norm_fixed: false,
  router_norm_scalar: false,
  expert_act_func: "norm_silu",
  expert_not_gated: true,
  moe_router_enable_expert_bias: false,
  moe_expert_bias_apply_method: "rms",
  use_blockffn: true,
  use_mup: false,
};

const BRANCHES: readonly [name: string, change: Readonly<Record<string, unknown>>][] = [
  ["as published", {}],
  [
    "BlockFFN's baseline, dense in between, expert bias",
    { moe_layer_freq: [1, 0, 1], router_norm_type: "rms", expert_act_func: "silu", moe_router_enable_expert_bias: true },
  ],
  [
    "plain expert bias, no shared expert",
    { moe_router_enable_expert_bias: true, moe_expert_bias_apply_method: "base", moe_shared_expert_intermediate_size: null },
  ],
  ["every layer with experts, untied", { moe_layer_freq: [1, 1, 1], moe_shared_expert_intermediate_size: 0 }],
  ["dense at the end", { moe_layer_freq: [1, 1, 0] }],
  ["gated, scalar scale", { expert_not_gated: false, router_norm_scalar: true }],
  ["gated without mean, fixed scale", { expert_not_gated: false, expert_act_func: "norm_silu_nomean", router_norm_fixed: true }],
  ["rms, scalar scale", { router_norm_type: "rms", router_norm_scalar: true }],
  ["rms, fixed scale", { router_norm_type: "rms", router_norm_fixed: true }],
  ["standardised scores", { router_norm_type: "normal" }],
  ["no norm after the router", { router_norm_type: null }],
  ...["norm_silu_norms", "silu", "gelu", "relu", "sqrelu", "sigmoid", "null"].map((act): [string, Record<string, unknown>] => [
    `experts: ${act}`,
    { expert_act_func: act },
  ]),
  ...["relu", "gelu", "null"].map((act): [string, Record<string, unknown>] => [
    `gated experts: ${act}`,
    { expert_act_func: act, expert_not_gated: false },
  ]),
  ...["silu", "gelu", "sqrelu", "sigmoid", "null"].map((act): [string, Record<string, unknown>] => [
    `router: ${act}`,
    { router_act_func: act },
  ]),
];

/** Seeded weights with a mean of their own for each tensor, so that a wrong mean shows. */
function weightsOf(config: object): Map<string, { shape: readonly number[]; values: Float32Array }> {
  let state = 4242;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1;
  return new Map(
    expectedHfTensors(parseHfConfig(JSON.stringify(config), "config.json")).map(({ name, shapes }) => {
      const shape = shapes[0]!;
      const shift = random() * 0.1;
      const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
        // Layer norms and gammas around 1, router scales of both signs.
        if (/layernorm|model\.norm|rms_norm/.test(name)) return 1 + random() / 2;
        if (/router_norm|expert_bias/.test(name)) return random();
        return random() * 0.4 + shift;
      });
      return [name, { shape, values }];
    }),
  );
}

function writeModel(folder: string, config: object): ReturnType<typeof weightsOf> {
  const weights = weightsOf(config);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const tensors = [...weights].map(([name, { shape, values }]) => ({
    name,
    dtype: "F32" as const,
    shape,
    bytes: new Uint8Array(values.buffer),
  }));
  writeFileSync(join(folder, "model.safetensors"), tinySafetensors(tensors));
  return weights;
}

describe.each(BRANCHES)("%s", (_name, change) => {
  const folder = temporaryFolder();
  const config: DecoJson = { ...PUBLISHED, ...change };
  const weights = writeModel(folder, config);
  const ids = Int32Array.from({ length: 21 }, (_, i) => (i * 37 + 11) % PUBLISHED.vocab_size);

  it.each(TIERS.flatMap((tier) => (["sparse", "dense"] as const).map((ffn) => [tier, ffn] as const)))(
    "%s, %s: each layer's branch is what the reference computes from the same input",
    async (tier, ffn) => {
      const model = await loadModel(testHost, folder, { tier, ffn });
      const taps = new Taps(model, ids.length);
      const { activeExperts } = model.newSequence({ capacity: ids.length }).forward(ids, { logits: "all" });
      const hidden = PUBLISHED.hidden_size;
      let active = 0;
      for (let l = 0; l < model.config.layers; l++) {
        const [inputs, outputs] = [taps.read("ffn_input", l), taps.read("mlp_out", l)];
        const tensors: Tensors = (tensor) => weights.get(`model.layers.${l}.${tensor}`)!.values;
        for (let t = 0; t < ids.length; t++) {
          const { out, scores } = decoBranch(config, tensors, l, Array.from(inputs.subarray(t * hidden, (t + 1) * hidden)));
          expect(
            largestDifference(outputs.subarray(t * hidden, (t + 1) * hidden), Float32Array.from(out)),
            `layer ${l}, token ${t}`,
          ).toBeLessThan(TOLERANCE);
          if (scores === undefined) continue;
          const got = taps.read("router_score", l).subarray(t * scores.length, (t + 1) * scores.length);
          expect(largestDifference(got, Float32Array.from(scores)), `scores ${l}, ${t}`).toBeLessThan(SCORES);
          active += scores.filter((score) => score !== 0).length;
        }
      }
      const counter = new SparsityCounter(model.config.layers, PUBLISHED.num_experts, expertLayers(model.config));
      counter.addDocumentChunk(activeExperts, ids.length);
      expect(counter.result().tlsCount).toEqual({ active, total: expertLayers(model.config).length * PUBLISHED.num_experts * ids.length });
      model.dispose();
    },
  );

  it("a packed file gives the logits of the folder, bit for bit", async () => {
    for (const quantize of ["f32", "q8", "q4"] as const) {
      const packed = join(folder, `m.${quantize}.safetensors`);
      await packTo(folder, packed, quantize);
      const [a, b] = await Promise.all([
        loadModel(testHost, folder, { tier: "simd", quantize }),
        loadModel(testHost, packed, { tier: "simd" }),
      ]);
      const run = (model: typeof a): Float32Array => model.newSequence({ capacity: ids.length }).forward(ids).logits(0).slice();
      expect(b.config.ffn).toEqual(a.config.ffn);
      expect(run(b)).toEqual(run(a));
      expect(run(b).every(Number.isFinite)).toBe(true);
      a.dispose();
      b.dispose();
    }
  });
});

it("a configuration that does not say whether the head is tied: the weights do", async () => {
  const folder = temporaryFolder();
  const weights = writeModel(folder, PUBLISHED);
  const model = await loadModel(testHost, folder);
  expect(model.config.tied).toBe(false);
  model.dispose();
  weights.delete("lm_head.weight");
  const tensors = [...weights].map(([name, { shape, values }]) => ({
    name,
    dtype: "F32" as const,
    shape,
    bytes: new Uint8Array(values.buffer),
  }));
  writeFileSync(join(folder, "model.safetensors"), tinySafetensors(tensors));
  const tied = await loadModel(testHost, folder);
  expect(tied.config.tied).toBe(true);
  tied.dispose();
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...PUBLISHED, tie_word_embeddings: false }));
  await expect(loadModel(testHost, folder)).rejects.toMatchObject({ name: "ConfigError", field: "lm_head.weight" });
});

it("reads the scalings of a muP model, and has none otherwise", () => {
  const read = (change: object) => parseHfConfig(JSON.stringify({ ...PUBLISHED, ...change }), "config.json");
  expect(read({})).toMatchObject({
    embedScale: 1,
    residualScale: 1,
    logitScale: 1,
    layers: 3,
    attention: { kvHeads: 2 },
    rmsEps: 1e-5,
    eosTokenIds: [2, 80],
  });
  expect(read({ use_mup: true, mup_emb_scale: 12, mup_depth_scale: 1.4, mup_base_hidden_size: 10 })).toMatchObject({
    embedScale: 12,
    residualScale: 1.4 / Math.sqrt(3),
    logitScale: 0.25,
  });
});

it.each<[string, object, string]>([
  ["moe_layer_freq", { moe_layer_freq: [0, 1] }, "has 2 entries for 3 layers"],
  ["moe_layer_freq", { moe_layer_freq: [0, 2, 1] }, "must be a list of 0 (dense) and 1 (experts)"],
  ["use_blockffn", { use_blockffn: false }, "only true is supported"],
  ["router_norm_type", { router_norm_type: "layer" }, "must be one of"],
  ["expert_act_func", { expert_act_func: "swish" }, "must be one of"],
  ["expert_act_norm_type", { expert_act_norm_type: "layer" }, "normal"],
  ["add_bias_linear", { add_bias_linear: true }, "only false is supported"],
  ["rope_scaling.type", { rope_scaling: { type: "yarn" } }, "default"],
  ["moe_ffn_hidden_size", { num_experts: 4096, moe_ffn_hidden_size: 1024 }, "more than"],
])("refuses %s %#", (field, change, message) => {
  expect(() => parseHfConfig(JSON.stringify({ ...PUBLISHED, ...change }), "config.json")).toThrow(
    expect.objectContaining({ name: "ConfigError", field }) as Error,
  );
  expect(() => parseHfConfig(JSON.stringify({ ...PUBLISHED, ...change }), "config.json")).toThrow(message);
});
