import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { Limits } from "../../core/limits.ts";
import { parseHfConfig } from "../../src/format/hf/config.ts";
import { openSafetensors } from "../../src/format/safetensors/safetensors.ts";
import { MemorySource } from "../helpers/memory-files.ts";
import { TINY_CONFIGS, tinyTensors } from "../helpers/tiny-checkpoint.ts";
import type { ConfigJson } from "../helpers/tiny-checkpoint.ts";
import { tinySafetensors } from "../helpers/tiny-safetensors.ts";

const { llama, block, mla, moe } = TINY_CONFIGS;
const parse = (config: unknown) => parseHfConfig(JSON.stringify(config), "config.json");
const without = (config: ConfigJson, ...fields: string[]) =>
  Object.fromEntries(Object.entries(config).filter(([key]) => !fields.includes(key)));

describe("what a configuration means", () => {
  test("Llama", () => {
    expect(parse(llama)).toEqual({
      architecture: "llama",
      vocabSize: 16,
      hiddenSize: 8,
      layers: 2,
      contextLength: 2048,
      rmsEps: 1e-5,
      ropeTheta: 10_000,
      embedScale: 1,
      residualScale: 1,
      logitScale: 1,
      tied: false,
      bosTokenId: 1,
      eosTokenIds: [2],
      attention: { kind: "gqa", heads: 2, kvHeads: 1, headDim: 4 },
      ffn: { kind: "dense", size: 12, gated: true },
    });
    expect(
      parse({ ...llama, head_dim: 6, rope_theta: 5e5, max_position_embeddings: 77, tie_word_embeddings: true, num_key_value_heads: null }),
    ).toMatchObject({ attention: { kvHeads: 2, headDim: 6 }, ropeTheta: 5e5, contextLength: 77, tied: true });
    expect(parse(without(llama, "tie_word_embeddings", "architectures", "rms_norm_eps"))).toMatchObject({
      architecture: "llama",
      tied: false,
      rmsEps: 1e-6,
    });
    expect(parse({ ...llama, rope_parameters: { rope_type: "default", rope_theta: 123 } }).ropeTheta).toBe(123);
    expect(parse({ ...llama, rope_scaling: { type: "default" } }).ropeTheta).toBe(10_000);
  });

  test("MiniCPM scalings and defaults", () => {
    const config = parse(block);
    expect(config).toMatchObject({ architecture: "minicpm", contextLength: 4096, embedScale: 12, logitScale: 0.5, tied: true });
    expect(config.residualScale).toBe(1.4 / Math.sqrt(2));
    expect(parse(without(block, "tie_word_embeddings", "scale_emb", "scale_depth", "dim_model_base"))).toMatchObject({
      tied: true,
      embedScale: 1,
      residualScale: 1 / Math.sqrt(2),
      logitScale: 1 / 8,
    });
    expect(parse({ ...block, tie_word_embeddings: false }).tied).toBe(false);
  });

  test("block FFN ignores intermediate_size and ffn_gated", () => {
    const expected = {
      kind: "experts",
      router: "block",
      experts: 3,
      expertSize: 4,
      routerNorm: "rms",
      normScale: 1,
      topK: 0,
      topP: 0,
      sharedSize: 0,
      sharedGated: false,
    };
    expect(parse({ ...block, intermediate_size: 5760, ffn_gated: true }).ffn).toEqual(expected);
    expect(parse({ ...block, ffn_type: "block", norm_scale: 2, norm_after_router: null }).ffn).toEqual({
      ...expected,
      routerNorm: "sum",
      normScale: 2,
    });
  });

  test("MLA: the value size is hidden / heads, whatever v_head_dim says; inner epsilon 1e-6", () => {
    expect(parse({ ...mla, v_head_dim: 99 })).toMatchObject({
      attention: { kind: "mla", heads: 2, qRank: 6, kvRank: 4, nopeDim: 4, ropeDim: 2, valueDim: 4, loraEps: 1e-6 },
      ffn: { kind: "dense", size: 12, gated: false },
    });
  });

  test("MoE: num_experts includes the shared ones, which are one network", () => {
    expect(parse(moe).ffn).toEqual({
      kind: "experts",
      router: "topk",
      experts: 3,
      expertSize: 4,
      routerNorm: "none",
      normScale: 1,
      topK: 2,
      topP: 0,
      sharedSize: 4,
      sharedGated: true,
    });
    expect(parse({ ...moe, num_shared_experts: 2, ffn_gated: false }).ffn).toMatchObject({ experts: 2, sharedSize: 8, sharedGated: false });
    // The official configurations set moe_top_p to -1 where it is not used.
    expect(parse({ ...moe, num_shared_experts: 0, moe_top_p: -1 }).ffn).toMatchObject({ experts: 4, sharedSize: 0, sharedGated: false });
    expect(parse({ ...moe, num_shared_experts: 0, moe_routing_strategy: "topp", moe_top_p: 0.6, moe_top_k: -1 }).ffn).toMatchObject({
      router: "topp",
      topP: 0.6,
      topK: 0,
    });
    expect(parse({ ...moe, moe_routing_strategy: "sparse_mixer", moe_top_k: null }).ffn).toMatchObject({ router: "sparse_mixer", topK: 2 });
    expect(parse({ ...moe, moe_routing_strategy: "relu" }).ffn).toMatchObject({ router: "relu", topK: 0 });
  });

  test("special tokens", () => {
    expect(parse({ ...llama, bos_token_id: null, eos_token_id: [2, 5] })).toMatchObject({ bosTokenId: undefined, eosTokenIds: [2, 5] });
    expect(parse({ ...llama, eos_token_id: null }).eosTokenIds).toEqual([]);
    expect(parse(without(llama, "bos_token_id", "eos_token_id"))).toMatchObject({ bosTokenId: 1, eosTokenIds: [2] });
    expect(parse({ ...without(llama, "bos_token_id", "eos_token_id"), vocab_size: 1 })).toMatchObject({
      bosTokenId: undefined,
      eosTokenIds: [],
    });
  });

  test("a byte-order mark and bytes instead of text", () => {
    expect(parseHfConfig(new TextEncoder().encode(`\uFEFF${JSON.stringify(llama)}`), "c").layers).toBe(2);
  });
});

describe("refuses", () => {
  const cases: readonly (readonly [ConfigJson, string, RegExp])[] = [
    [{ ...llama, rope_scaling: { type: "dynamic", factor: 2 } }, "rope_scaling.type", /"default"/],
    [{ ...llama, rope_scaling: { rope_type: "yarn" } }, "rope_scaling.rope_type", /"default"/],
    [{ ...llama, rope_scaling: { factor: 2 } }, "rope_scaling", /null/],
    [{ ...llama, rope_scaling: 2 }, "rope_scaling", /null/],
    [{ ...llama, rope_parameters: { rope_type: "llama3" } }, "rope_parameters.factor", /missing/],
    [{ ...llama, attention_bias: true }, "attention_bias", /only false/],
    [{ ...llama, mlp_bias: true }, "mlp_bias", /only false/],
    [{ ...llama, hidden_act: "gelu" }, "hidden_act", /only "silu".*"gelu"/],
    [{ ...llama, quantization_config: { bits: 4 } }, "quantization_config", /original/],
    [{ ...llama, num_attention_heads: 3 }, "num_attention_heads", /divide/],
    [{ ...llama, num_key_value_heads: 3 }, "num_key_value_heads", /divide/],
    [{ ...llama, head_dim: 5 }, "head_dim", /odd/],
    [{ ...llama, hidden_size: 6 }, "head_dim", /odd/],
    [{ ...mla, qk_rope_head_dim: 3 }, "qk_rope_head_dim", /odd/],
    [{ ...mla, q_lora_rank: null }, "q_lora_rank", /number/],
    [without(mla, "kv_lora_rank"), "kv_lora_rank", /missing/],
    [{ ...mla, attention_type: "flash" }, "attention_type", /vanilla, mla/],
    [{ ...block, ffn_type: "dense" }, "ffn_type", /block_linear/],
    [{ ...block, norm_after_router: "l2" }, "norm_after_router", /rms, sum, none/],
    [{ ...block, router_act: "sigmoid" }, "router_act", /only "relu"/],
    [{ ...block, block_implementation: "megablocks" }, "block_implementation", /torch, kernel/],
    [{ ...moe, moe_routing_strategy: "hash" }, "moe_routing_strategy", /sparse_mixer/],
    [{ ...moe, num_shared_experts: 4 }, "num_shared_experts", /leave none/],
    [{ ...moe, moe_top_k: 4 }, "moe_top_k", /3 routed/],
    [{ ...moe, moe_routing_strategy: "topp" }, "num_shared_experts", /topp/],
    [{ ...moe, num_shared_experts: 0, moe_routing_strategy: "topp", moe_top_p: -1 }, "moe_top_p", /above 0/],
    [{ ...llama, architectures: ["MixtralForCausalLM"] }, "architectures", /LlamaForCausalLM/],
    [{ ...llama, architectures: ["toString"] }, "architectures", /supported/],
    [{ ...llama, architectures: ["MiniCPMForCausalLM"] }, "model_type", /does not go/],
    [{ ...without(llama, "architectures"), model_type: "mixtral" }, "model_type", /supported/],
    [{}, "model_type", /supported/],
    [without(llama, "hidden_size"), "hidden_size", /missing/],
    [{ ...llama, hidden_size: "8" }, "hidden_size", /number/],
    [{ ...llama, hidden_size: 8.5 }, "hidden_size", /whole/],
    [{ ...llama, hidden_size: 0 }, "hidden_size", /at least 1/],
    [{ ...llama, num_hidden_layers: -1 }, "num_hidden_layers", /at least 1/],
    [{ ...llama, rms_norm_eps: 0 }, "rms_norm_eps", /above 0/],
    [{ ...llama, tie_word_embeddings: "yes" }, "tie_word_embeddings", /true or false/],
    [{ ...llama, eos_token_id: 16 }, "eos_token_id", /vocabulary/],
    [{ ...llama, eos_token_id: [2, -1] }, "eos_token_id", /token id/],
    [{ ...llama, eos_token_id: "2" }, "eos_token_id", /token id/],
    [{ ...llama, bos_token_id: 16 }, "bos_token_id", /vocabulary/],
    [{ ...block, scale_emb: 0 }, "scale_emb", /above 0/],
  ];
  test.each(cases.map(([config, field, message]) => ({ config, field, message })))("$field $message", ({ config, field, message }) => {
    const error = errorOf(() => parse(config));
    expect(error.file).toBe("config.json");
    expect(error.message).toMatch(message);
    expect(error.field).toBe(field);
  });

  test.each([
    ["hidden_size", llama, Limits.hiddenSize],
    ["num_hidden_layers", llama, Limits.layers],
    ["num_attention_heads", llama, Limits.heads],
    ["vocab_size", llama, Limits.vocabSize],
    ["max_position_embeddings", llama, Limits.contextLength],
    ["intermediate_size", llama, Limits.ffnSize],
    ["head_dim", llama, Limits.headDim],
    ["rope_theta", llama, Limits.ropeTheta],
    ["num_experts", block, Limits.experts],
    ["expert_size", block, Limits.ffnSize],
    ["q_lora_rank", mla, Limits.attentionWidth],
    ["scale_depth", block, Limits.scale],
  ] as const)("%s beyond its limit", (field, config, limit) => {
    for (const value of [limit + 1, 2 ** 32, 1e300]) {
      if (value > limit) expect(errorOf(() => parse({ ...config, [field]: value }))).toMatchObject({ field });
    }
    expect(errorOf(() => parse({ ...config, [field]: limit + 1 })).limit).toBe(limit);
  });

  test("sizes that are too large only together", () => {
    expect(errorOf(() => parse({ ...block, num_experts: 4096, expert_size: 1024 }))).toMatchObject({
      field: "expert_size",
      limit: Limits.ffnSize,
    });
    expect(errorOf(() => parse({ ...llama, num_attention_heads: 1024, num_key_value_heads: 1024, head_dim: 512 }))).toMatchObject({
      field: "head_dim",
      limit: Limits.attentionWidth,
    });
  });

  test("text that is not a JSON object, numbers that are not finite, deep nesting", () => {
    const bad = [
      "",
      "[]",
      "null",
      "3",
      "{",
      "{'a':1}",
      "[".repeat(900_000),
      '{"a":'.repeat(100_000),
      '{"hidden_size":NaN}',
      JSON.stringify(llama).replace('"hidden_size":8', '"hidden_size":1e999'),
    ];
    for (const text of bad) expect(errorOf(() => parseHfConfig(text, "config.json")).file).toBe("config.json");
    expect(errorOf(() => parseHfConfig(Uint8Array.of(0xff), "config.json")).message).toMatch(/UTF-8/);
  });

  test("__proto__ in the JSON changes nothing", () => {
    expect(errorOf(() => parseHfConfig('{"__proto__":{"model_type":"llama"}}', "config.json")).field).toBe("model_type");
    expect(parseHfConfig(JSON.stringify(llama).replace("{", '{"__proto__":{"tie_word_embeddings":true},'), "config.json").tied).toBe(false);
  });
});

describe("with the checkpoint's tensors", () => {
  const tensorsOf = async (config: ConfigJson, change: (list: ReturnType<typeof tinyTensors>) => ReturnType<typeof tinyTensors>) =>
    openSafetensors(new MemorySource("m", tinySafetensors(change(tinyTensors(config)))));

  test.each(Object.entries(TINY_CONFIGS))("%s: complete, each one missing, misshapen or of another type", async (_, config: ConfigJson) => {
    const json = JSON.stringify(config);
    parseHfConfig(json, "config.json", await tensorsOf(config, (list) => list));
    for (const { name } of tinyTensors(config)) {
      const missing = await tensorsOf(config, (list) => list.filter((t) => t.name !== name));
      expect(errorOf(() => parseHfConfig(json, "config.json", missing))).toMatchObject({ file: "config.json", field: name });
      const longer = await tensorsOf(config, (list) =>
        list.map((t) => (t.name === name ? { ...t, shape: t.shape.map((n, d) => (d === 0 ? n + 1 : n)) } : t)),
      );
      expect(errorOf(() => parseHfConfig(json, "config.json", longer)).message).toMatch(/the configuration says/);
      const integers = await tensorsOf(config, (list) => list.map((t) => (t.name === name ? { ...t, dtype: "I32" as const } : t)));
      expect(errorOf(() => parseHfConfig(json, "config.json", integers)).message).toMatch(/I32/);
    }
  });

  test("block experts may be 3-D or 2-D", async () => {
    const tensors = await tensorsOf(block, (list) =>
      list.map((t) =>
        t.name.endsWith("up_proj") ? { ...t, shape: [3, 4, 8] } : t.name.endsWith("down_proj") ? { ...t, shape: [3, 8, 4] } : t,
      ),
    );
    expect(parseHfConfig(JSON.stringify({ ...block, ffn_type: "block" }), "c", tensors).ffn.kind).toBe("experts");
  });
});

function errorOf(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  return expect.fail("no error");
}
