import { parseHfConfig } from "../../src/format/hf/config.ts";
import { expectedHfTensors } from "../../src/format/hf/tensors.ts";
import { tinySafetensors } from "./tiny-safetensors.ts";
import type { TinyTensor } from "./tiny-safetensors.ts";

export type ConfigJson = Readonly<Record<string, unknown>>;

const COMMON = {
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 16,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  bos_token_id: 1,
  eos_token_id: 2,
};
const CPM = { architectures: ["MiniCPMForCausalLM"], ...COMMON, scale_emb: 12, scale_depth: 1.4, dim_model_base: 4 };

/** Small configurations, one for each kind of network. */
export const TINY_CONFIGS = {
  llama: { architectures: ["LlamaForCausalLM"], model_type: "llama", ...COMMON, intermediate_size: 12, tie_word_embeddings: false },
  block: { ...CPM, ffn_type: "block_linear", num_experts: 3, expert_size: 4, norm_after_router: "rms", tie_word_embeddings: true },
  mla: {
    ...CPM,
    attention_type: "mla",
    q_lora_rank: 6,
    kv_lora_rank: 4,
    qk_nope_head_dim: 4,
    qk_rope_head_dim: 2,
    v_head_dim: 4,
    ffn_type: "vanilla",
    intermediate_size: 12,
    ffn_gated: false,
  },
  moe: {
    ...CPM,
    ffn_type: "moe",
    moe_routing_strategy: "topk",
    moe_top_k: 2,
    num_experts: 4,
    num_shared_experts: 1,
    intermediate_size: 4,
    ffn_gated: true,
  },
  deco: {
    architectures: ["BlockFFNForCausalLM"],
    model_type: "blockffn",
    ...COMMON,
    num_layers: 2,
    head_dim: 4,
    ffn_hidden_size: 12,
    moe_layer_freq: [0, 1],
    num_experts: 3,
    moe_ffn_hidden_size: 4,
    moe_shared_expert_intermediate_size: 4,
    router_norm_type: "simple",
    expert_act_func: "norm_silu",
    expert_not_gated: false,
    moe_router_enable_expert_bias: true,
    moe_expert_bias_apply_method: "rms",
  },
} as const satisfies Record<string, ConfigJson>;

/** Tensors that a configuration asks for, as float32. */
export function tinyTensors(config: ConfigJson): TinyTensor[] {
  return [...expectedHfTensors(parseHfConfig(JSON.stringify(config), "config.json"))].map(({ name, shapes }) => ({
    name,
    dtype: "F32",
    shape: shapes[0] ?? [],
  }));
}

/** Files of a whole tiny checkpoint with safetensors weights. */
export function tinyCheckpoint(config: ConfigJson): { "config.json": string; "model.safetensors": Uint8Array } {
  return { "config.json": JSON.stringify(config), "model.safetensors": tinySafetensors(tinyTensors(config)) };
}
