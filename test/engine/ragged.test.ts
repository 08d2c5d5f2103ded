import { expect, it } from "vitest";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { loadModel } from "../../src/load/load.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { largestDifference } from "../helpers/compare.ts";
import { bits, normals } from "../helpers/kernel-bench.ts";
import { MemoryFiles } from "../helpers/memory-files.ts";
import { tinyTensors, type ConfigJson } from "../helpers/tiny-checkpoint.ts";
import { tinySafetensors } from "../helpers/tiny-safetensors.ts";
import type { Tier } from "../../src/host.ts";
import { testHost, TIERS } from "../helpers/test-host.ts";

// Sizes that are multiples of nothing: panels, blocks and lanes all have a rest.
const COMMON = {
  architectures: ["MiniCPMForCausalLM"],
  hidden_size: 60,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 3,
  vocab_size: 37,
  rms_norm_eps: 1e-5,
  scale_emb: 2,
  scale_depth: 1.4,
  dim_model_base: 30,
  tie_word_embeddings: true,
  bos_token_id: 1,
  eos_token_id: 2,
  max_position_embeddings: 128,
};
const LARGE = "gqa, large experts";
const CONFIGS: Readonly<Record<string, ConfigJson>> = {
  "gqa, block": { ...COMMON, ffn_type: "block_linear", num_experts: 37, expert_size: 7, norm_after_router: "rms" },
  // Experts of more than 128 KiB at 4 bits, of which few are active: their matrices are read in turns (assembly/model/expert.ts).
  [LARGE]: {
    ...COMMON,
    hidden_size: 1032,
    num_hidden_layers: 1,
    dim_model_base: 516,
    ffn_type: "moe",
    moe_routing_strategy: "topk",
    moe_top_k: 2,
    num_experts: 9,
    num_shared_experts: 0,
    intermediate_size: 116,
  },
  "gqa, dense": { ...COMMON, ffn_type: "vanilla", intermediate_size: 101, ffn_gated: true, tie_word_embeddings: false },
  "mla, shared experts": {
    ...COMMON,
    attention_type: "mla",
    q_lora_rank: 23,
    kv_lora_rank: 19,
    qk_nope_head_dim: 5,
    qk_rope_head_dim: 6,
    v_head_dim: 10,
    ffn_type: "moe",
    moe_routing_strategy: "topk",
    moe_top_k: 2,
    num_experts: 6,
    num_shared_experts: 1,
    intermediate_size: 11,
    ffn_gated: true,
  },
};

function files(config: ConfigJson): MemoryFiles {
  const tensors = tinyTensors(config).map((tensor, i) => {
    const fan = tensor.shape[tensor.shape.length - 1] as number;
    const values = normals(
      tensor.shape.reduce((a, b) => a * b, 1),
      i + 1,
      tensor.shape.length === 1 ? 0.2 : 1 / Math.sqrt(fan),
    );
    if (tensor.shape.length === 1) values.forEach((v, j) => (values[j] = v + 1));
    return { ...tensor, bytes: new Uint8Array(values.buffer) };
  });
  return new MemoryFiles({ "config.json": JSON.stringify(config), "model.safetensors": tinySafetensors(tensors) });
}

function feed(model: ModelInstance, ids: readonly number[], step: number): Float32Array {
  const sequence = model.newSequence({ capacity: ids.length });
  const { vocabSize } = model.config;
  const out = new Float32Array(ids.length * vocabSize);
  for (let at = 0; at < ids.length; at += step) {
    const chunk = ids.slice(at, at + step);
    const result = sequence.forward(chunk, { logits: "all" });
    chunk.forEach((_, i) => out.set(result.logits(i), (at + i) * vocabSize));
  }
  sequence.dispose();
  return out;
}

const ids = Array.from({ length: 64 }, (_, i) => (i * 11 + 5) % 37);

for (const [name, config] of Object.entries(CONFIGS)) {
  it(`${name}: tiers agree, any chunk gives the same bits, q8 and q4 stay near f32`, async () => {
    const load = (quantize: Quantization, tier: Tier): Promise<ModelInstance> =>
      loadModel({ ...testHost, open: async () => files(config) }, "ragged", { quantize, tier });
    const exact = feed(await load("f32", "scalar"), ids, 64);
    const spread = Math.max(...exact) - Math.min(...exact);
    expect(spread).toBeGreaterThan(0.5);
    // Turns are for q4; the other types would take a while at this size.
    for (const quantize of name === LARGE ? (["q4"] as const) : (["f32", "q8", "q4", "q4-all"] as const)) {
      const byTier = [];
      for (const tier of TIERS) {
        const model = await load(quantize, tier);
        const whole = feed(model, ids, 64);
        for (const step of [7, 2, 1]) expect(bits(feed(model, ids, step))).toEqual(bits(whole));
        byTier.push(whole);
      }
      const [scalar, simd] = byTier as [Float32Array, Float32Array];
      // A router on the edge may tip between tiers; the median row must agree closely all the same.
      expect(medianRowDifference(scalar, simd)).toBeLessThan(spread * (quantize === "f32" ? 1e-5 : 1e-3));
      for (const logits of byTier.slice(1))
        expect(medianRowDifference(logits, exact)).toBeLessThan(spread * { f32: 1e-5, q8: 0.03, q4: 0.4, "q4-all": 0.5 }[quantize]);
    }
  });
}

function medianRowDifference(a: Float32Array, b: Float32Array): number {
  const rows = ids.map((_, i) => largestDifference(a.subarray(i * 37, (i + 1) * 37), b.subarray(i * 37, (i + 1) * 37)));
  return rows.sort((x, y) => x - y)[rows.length >> 1] as number;
}
