import * as v from "valibot";
import { Limits } from "../../../core/limits.ts";
import { ConfigError } from "../../errors.ts";
import { ACTIVATIONS, namesOf, NORMED, ROUTER_NORMS } from "./deco-names.ts";

const NUMBER = "must be a number";

/** A whole number from 1 (or `min`) to `max`. */
export const size = (max: number, min = 1) =>
  v.pipe(
    v.number(NUMBER),
    v.safeInteger("must be a whole number"),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );

/** A finite number above 0. */
export const positive = (max: number) =>
  v.pipe(v.number(NUMBER), v.finite("must be finite"), v.gtValue(0, "must be above 0"), v.maxValue(max, `must be at most ${max}`));

/** `null` and absent mean the default. */
export const orDefault = <const T extends v.GenericSchema, const D extends v.InferInput<T>>(schema: T, value: D) =>
  v.nullish(schema, value);

/** One of a few names. */
export const oneOf = <const T extends readonly string[]>(names: T) => v.picklist(names, `must be one of ${names.join(", ")}`);

/** Only this value (or absent): for what the engine does not do. */
export const only = <const T extends string | boolean>(value: T) =>
  v.nullish(v.literal(value, `only ${JSON.stringify(value)} is supported`));

const flag = v.boolean("must be true or false");
export const bool = (value: boolean) => v.nullish(flag, value);

const tokenId = size(Limits.vocabSize - 1, 0);

/** Fields of every architecture. */
export const CommonSchema = v.object({
  hidden_size: size(Limits.hiddenSize),
  num_hidden_layers: size(Limits.layers),
  num_attention_heads: size(Limits.heads),
  num_key_value_heads: v.nullish(size(Limits.heads)),
  vocab_size: size(Limits.vocabSize),
  max_position_embeddings: v.nullish(size(Limits.contextLength)),
  rms_norm_eps: orDefault(positive(1), 1e-6),
  hidden_act: only("silu"),
  attention_bias: only(false),
  quantization_config: v.nullish(v.never("quantised checkpoints are not supported; use the original F32, F16 or BF16 weights")),
  tie_word_embeddings: v.nullish(flag),
  // Absent means the class default, null means none.
  bos_token_id: v.optional(v.nullable(tokenId)),
  eos_token_id: v.optional(
    v.nullable(
      v.union(
        [tokenId, v.pipe(v.array(tokenId), v.maxLength(Limits.eosTokens))],
        `must be a token id or at most ${Limits.eosTokens} of them`,
      ),
    ),
  ),
});
export type CommonFields = v.InferOutput<typeof CommonSchema>;

export const HeadSchema = v.object({ head_dim: v.nullish(size(Limits.headDim)) });

export const LlamaSchema = v.object({ ...HeadSchema.entries, intermediate_size: size(Limits.ffnSize), mlp_bias: only(false) });

/** Qwen 2 and 3, and Mistral: which layers see a window only. */
export const WindowSchema = v.object({
  sliding_window: v.nullish(size(Limits.contextLength)),
  use_sliding_window: v.nullish(flag),
  max_window_layers: v.nullish(size(Limits.layers, 0)),
  layer_types: v.nullish(v.array(oneOf(["full_attention", "sliding_attention"]))),
});

export const MiniCpmSchema = v.object({
  attention_type: orDefault(oneOf(["vanilla", "mla"]), "vanilla"),
  ffn_type: orDefault(oneOf(["vanilla", "block", "block_linear", "moe"]), "vanilla"),
  ffn_gated: bool(true),
  scale_emb: orDefault(positive(Limits.scale), 1),
  scale_depth: orDefault(positive(Limits.scale), 1),
  dim_model_base: orDefault(positive(Limits.scale), 1),
});

export const MlaSchema = v.object({
  q_lora_rank: size(Limits.attentionWidth),
  kv_lora_rank: size(Limits.attentionWidth),
  qk_nope_head_dim: size(Limits.headDim),
  qk_rope_head_dim: size(Limits.headDim),
});

export const DenseSchema = v.object({ intermediate_size: size(Limits.ffnSize) });

export const BlockSchema = v.object({
  num_experts: size(Limits.experts),
  expert_size: size(Limits.ffnSize),
  router_act: only("relu"),
  norm_after_router: orDefault(oneOf(["rms", "sum", "none"]), "sum"),
  norm_scale: orDefault(positive(Limits.scale), 1),
  // The other implementations store the experts under other names or transposed.
  block_implementation: orDefault(oneOf(["torch", "kernel"]), "torch"),
});

export const MoeSchema = v.object({
  num_experts: size(Limits.experts),
  num_shared_experts: orDefault(size(Limits.experts, 0), 0),
  intermediate_size: size(Limits.ffnSize),
  moe_routing_strategy: orDefault(oneOf(["topk", "topp", "relu", "sparse_mixer"]), "topk"),
});
export const TopKSchema = v.object({ moe_top_k: orDefault(size(Limits.experts), 2) });
export const TopPSchema = v.object({ moe_top_p: orDefault(positive(1), 0.3) });

const decoActivation = namesOf(ACTIVATIONS);

export const DecoSchema = v.object({
  use_blockffn: only(true),
  num_experts: size(Limits.experts),
  moe_ffn_hidden_size: size(Limits.ffnSize),
  moe_shared_expert_intermediate_size: v.nullish(size(Limits.ffnSize, 0)),
  moe_layer_freq: orDefault(
    v.union(
      [size(Limits.layers), v.pipe(v.array(v.picklist([0, 1])), v.maxLength(Limits.layers))],
      "must be a list of 0 (dense) and 1 (experts), or a number",
    ),
    1,
  ),
  intermediate_size: v.nullish(size(Limits.ffnSize)),
  // null is a value of its own here: no function, no norm.
  router_act_func: v.optional(v.nullable(oneOf(decoActivation)), "relu"),
  router_norm_type: v.optional(v.nullable(oneOf(namesOf(ROUTER_NORMS))), "simple"),
  router_norm_init_var: orDefault(positive(Limits.scale), 0.1),
  router_norm_fixed: orDefault(flag, false),
  router_norm_scalar: orDefault(flag, false),
  expert_act_func: v.optional(v.nullable(oneOf([...decoActivation, ...namesOf(NORMED)])), "norm_silu"),
  expert_act_norm_type: only("normal"),
  expert_not_gated: orDefault(flag, true),
  moe_router_enable_expert_bias: orDefault(flag, false),
  moe_expert_bias_apply_method: orDefault(oneOf(["base", "rms"]), "base"),
  use_mup: orDefault(flag, false),
  mup_emb_scale: orDefault(positive(Limits.scale), 1),
  mup_depth_scale: orDefault(positive(Limits.scale), 1),
  mup_base_hidden_size: orDefault(positive(Limits.scale), 1),
  add_bias_linear: only(false),
  add_qkv_bias: only(false),
  qk_layernorm: only(false),
});

/**
 * Checks the fields that a schema names; the rest is left alone.
 * @throws ConfigError naming the first field that is wrong and what it may be.
 */
export function check<T extends v.GenericSchema>(schema: T, json: unknown, file: string): v.InferOutput<T> {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const field = v.getDotPath(issue) ?? undefined;
  const message = issue.input === undefined ? "is missing" : `${issue.message}, not ${show(issue.input)}`;
  const limit = issue.type === "max_value" ? Number(issue.requirement) : undefined;
  throw new ConfigError(message, { file, ...(field === undefined ? {} : { field }), ...(limit === undefined ? {} : { limit }) });
}

/** A short form of a value for messages. */
export function show(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
