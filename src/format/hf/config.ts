import { Limits } from "../../../core/limits.ts";
import * as v from "valibot";
import { ConfigError } from "../../errors.ts";
import type { DenseFfn, ExpertFfn, GqaAttention, MlaAttention, ModelConfig } from "../../architecture/config.ts";
import { parseJsonText } from "../../text/json-text.ts";
import {
  BlockSchema,
  check,
  CommonSchema,
  DenseSchema,
  HeadSchema,
  LlamaSchema,
  MiniCpmSchema,
  MlaSchema,
  MoeSchema,
  show,
  TopKSchema,
  TopPSchema,
  WindowSchema,
} from "./schema.ts";
import type { CommonFields } from "./schema.ts";
import { decoFields, decoParts } from "./deco.ts";
import { ROPE_FIELDS, ropeScalingOf, ropeThetaOf } from "./rope.ts";
import { checkTensors, expectedHfTensors } from "./tensors.ts";
import type { TensorSource } from "../tensors.ts";

/** Epsilon of MLA's two inner norms: the class default of the official code, whatever rms_norm_eps says. */
const MLA_LORA_EPS = 1e-6;
const RopeSchema = v.object(ROPE_FIELDS);
const DEFAULT_ROPE_THETA = 10_000;
const DEFAULT_BOS = 1;
const DEFAULT_EOS = 2;
/** Qwen's sliding_window and max_window_layers. */
const DEFAULT_WINDOW = 4096;
const DEFAULT_WINDOW_LAYERS = 28;

/**
 * Reads the `config.json` of a BlockFFN / MiniCPM or Llama model, with the defaults and oddities of the official code.
 * With `tensors`, also checks that every tensor of that architecture is there, in the right shape and as floats, so that
 * sizes from the configuration are backed by bytes of the checkpoint.
 * @throws ConfigError with file, field and what is supported; `limit` where a size of Limits is passed.
 */
export function parseHfConfig(json: string | Uint8Array, file: string, tensors?: TensorSource): ModelConfig {
  const config = configOf(parseJson(json, file), file);
  if (tensors !== undefined) checkTensors(expectedHfTensors(config), tensors, file);
  return config;
}

/** `parseHfConfig` of the fields that `parseJson` gives. */
export function configOf(fields: object, file: string): ModelConfig {
  return READERS[modelType(fields, file)](fields, file);
}

/** The fields of a configuration file. @throws ConfigError for anything but a JSON object. */
export function parseJson(json: string | Uint8Array, file: string): object {
  const parsed = parseJsonText(typeof json === "string" ? new TextEncoder().encode(json) : json);
  if ("problem" in parsed) throw new ConfigError(parsed.problem, { file, cause: parsed.cause });
  const { value } = parsed;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ConfigError(`must be an object, not ${show(value)}`, { file });
  return value;
}

const ArchitectureSchema = v.object({
  architectures: v.nullish(v.array(v.string("must be a name"), "must be a list of names")),
  model_type: v.nullish(v.string("must be a name")),
});
/** Classes of transformers, and of the official BlockFFN code, by their model_type. */
const CLASSES = {
  minicpm: "MiniCPMForCausalLM",
  llama: "LlamaForCausalLM",
  blockffn: "BlockFFNForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
} as const;
type ModelType = keyof typeof CLASSES;
const READERS: Readonly<Record<ModelType, (fields: object, file: string) => ModelConfig>> = {
  minicpm: miniCpmConfig,
  llama: (fields, file) => denseConfig("llama", { context: 2048 }, fields, file),
  blockffn: decoConfig,
  mistral: (fields, file) => windowed(denseConfig("llama", { context: 131_072, kvHeads: 8 }, fields, file), fields, file, 4096),
  qwen2: (fields, file) =>
    windowed(denseConfig("qwen2", { context: 32_768, kvHeads: 32, bos: null, eos: null, qkvBias: true }, fields, file), fields, file),
  qwen3: (fields, file) =>
    windowed(
      denseConfig("qwen3", { context: 32_768, kvHeads: 32, bos: null, eos: null, headDim: 128, qkNorm: true }, fields, file),
      fields,
      file,
    ),
};

function modelType(fields: object, file: string): ModelType {
  const { architectures, model_type: type } = check(ArchitectureSchema, fields, file);
  const types = Object.keys(CLASSES) as ModelType[];
  const supported = `supported are ${Object.values(CLASSES).join(", ")}`;
  const name = architectures?.[0];
  if (name !== undefined) {
    const architecture = types.find((key) => CLASSES[key] === name);
    if (architecture === undefined) throw new ConfigError(`${show(name)} is not supported; ${supported}`, { file, field: "architectures" });
    if (type !== undefined && type !== null && type !== architecture)
      throw new ConfigError(`${show(type)} does not go with ${name}`, { file, field: "model_type" });
    return architecture;
  }
  const known = types.find((key) => key === type);
  if (known !== undefined) return known;
  throw new ConfigError(`${show(type)} is not supported; ${supported}`, { file, field: "model_type" });
}

/** What the classes of dense models have where a configuration does not say. `bos`, `eos`: null for no token. */
interface DenseDefaults {
  readonly context: number;
  readonly bos?: null;
  readonly eos?: null;
  readonly kvHeads?: number;
  readonly headDim?: number;
  readonly qkvBias?: true;
  readonly qkNorm?: true;
}

/** Llama, and what differs from it in biases and norms of its attention. */
function denseConfig(architecture: ModelConfig["architecture"], defaults: DenseDefaults, fields: object, file: string): ModelConfig {
  const read = check(CommonSchema, fields, file);
  const common = { ...read, num_key_value_heads: read.num_key_value_heads === undefined ? defaults.kvHeads : read.num_key_value_heads };
  const llama = check(LlamaSchema, fields, file);
  const { qkvBias, qkNorm } = defaults;
  return {
    architecture,
    ...commonConfig(fields, common, { ...defaults, tied: false }, file),
    embedScale: 1,
    residualScale: 1,
    logitScale: 1,
    attention: { ...gqa(common, llama.head_dim ?? defaults.headDim, file), ...(qkvBias && { qkvBias }), ...(qkNorm && { qkNorm }) },
    ffn: { kind: "dense", size: llama.intermediate_size, gated: true },
  };
}

/**
 * A model some of whose layers see the last `sliding_window` tokens only: within so many tokens that makes no difference, so the context
 * ends there. `use_sliding_window` and the layers' types are Qwen's, whose window counts only where they say so.
 * @param always window of a class whose layers all have one
 */
function windowed(config: ModelConfig, fields: object, file: string, always?: number): ModelConfig {
  const {
    sliding_window: window,
    use_sliding_window: used,
    max_window_layers: from,
    layer_types: types,
  } = check(WindowSchema, fields, file);
  const slides =
    always !== undefined || (used === true && (types?.includes("sliding_attention") ?? (from ?? DEFAULT_WINDOW_LAYERS) < config.layers));
  const size = window === undefined ? (always ?? DEFAULT_WINDOW) : window;
  return slides && size !== null ? { ...config, contextLength: Math.min(config.contextLength, size) } : config;
}

/** Trained with a head of its own; a file without one is tied (leavesTieOpen). */
function decoConfig(json: object, file: string): ModelConfig {
  const fields = decoFields(json);
  const common = check(CommonSchema, fields, file);
  const { head_dim: headDim } = check(HeadSchema, fields, file);
  return {
    architecture: "blockffn",
    ...commonConfig(fields, common, { context: 4096, tied: false }, file),
    ...decoParts(common, fields, file),
    attention: gqa(common, headDim ?? undefined, file),
  };
}

/** Whether a configuration leaves open if the head is the embedding: DECO's do, and a file without lm_head.weight then means yes. */
export function leavesTieOpen({ architecture }: ModelConfig, fields: object): boolean {
  const { tie_word_embeddings: said } = fields as { readonly tie_word_embeddings?: unknown };
  return architecture === "blockffn" && (said === undefined || said === null);
}

function miniCpmConfig(fields: object, file: string): ModelConfig {
  const common = check(CommonSchema, fields, file);
  const cpm = check(MiniCpmSchema, fields, file);
  return {
    architecture: "minicpm",
    ...commonConfig(fields, common, { context: 4096, tied: true }, file),
    embedScale: cpm.scale_emb,
    residualScale: cpm.scale_depth / Math.sqrt(common.num_hidden_layers),
    logitScale: cpm.dim_model_base / common.hidden_size,
    attention: cpm.attention_type === "mla" ? mla(common, fields, file) : gqa(common, undefined, file),
    ffn: miniCpmFfn(cpm, fields, file),
  };
}

function commonConfig(
  fields: object,
  common: CommonFields,
  defaults: { readonly context: number; readonly tied: boolean; readonly bos?: null; readonly eos?: null },
  file: string,
) {
  const { vocab_size: vocab, bos_token_id: bos, eos_token_id: eos } = common;
  // The class defaults may not exist in a tiny vocabulary; ids that are written down must.
  const bosTokenId = bos === undefined && defaults.bos !== null && vocab > DEFAULT_BOS ? DEFAULT_BOS : (bos ?? undefined);
  const eosTokenIds = eos === undefined && defaults.eos !== null && vocab > DEFAULT_EOS ? [DEFAULT_EOS] : [eos ?? []].flat();
  const checkToken = (id: number, field: string): void => {
    if (id >= vocab) throw new ConfigError(`token ${id} is not in the vocabulary of ${vocab}`, { file, field });
  };
  if (bosTokenId !== undefined) checkToken(bosTokenId, "bos_token_id");
  for (const id of eosTokenIds) checkToken(id, "eos_token_id");
  const rope = check(RopeSchema, fields, file);
  const contextLength = common.max_position_embeddings ?? defaults.context;
  const ropeScaling = ropeScalingOf(rope, contextLength, file);
  return {
    vocabSize: vocab,
    hiddenSize: common.hidden_size,
    layers: common.num_hidden_layers,
    contextLength,
    rmsEps: common.rms_norm_eps,
    ropeTheta: ropeThetaOf(rope) ?? DEFAULT_ROPE_THETA,
    ...(ropeScaling && { ropeScaling }),
    tied: common.tie_word_embeddings ?? defaults.tied,
    bosTokenId,
    eosTokenIds,
  };
}

type HeadFields = Pick<CommonFields, "hidden_size" | "num_attention_heads" | "num_key_value_heads">;

/** Size of a head when hidden_size is split evenly. */
function splitHeads(common: HeadFields, file: string): number {
  const { hidden_size: hidden, num_attention_heads: heads } = common;
  if (hidden % heads !== 0)
    throw new ConfigError(`${heads} heads do not divide hidden_size ${hidden}`, { file, field: "num_attention_heads" });
  return hidden / heads;
}

/** Heads of grouped-query attention, checked. */
export function gqa(common: HeadFields, explicitHeadDim: number | undefined, file: string): GqaAttention {
  const heads = common.num_attention_heads;
  const kvHeads = common.num_key_value_heads ?? heads;
  if (heads % kvHeads !== 0)
    throw new ConfigError(`${kvHeads} key/value heads do not divide ${heads} heads`, { file, field: "num_key_value_heads" });
  const headDim = explicitHeadDim ?? splitHeads(common, file);
  checkWidth("head_dim", headDim, heads, file);
  return { kind: "gqa", heads, kvHeads, headDim };
}

function mla(common: CommonFields, fields: object, file: string): MlaAttention {
  const { q_lora_rank: qRank, kv_lora_rank: kvRank, qk_nope_head_dim: nopeDim, qk_rope_head_dim: ropeDim } = check(MlaSchema, fields, file);
  const heads = common.num_attention_heads;
  checkWidth("qk_rope_head_dim", ropeDim, heads, file);
  checkWidth("qk_nope_head_dim", nopeDim, heads, file, false);
  // The official code ignores v_head_dim.
  const valueDim = splitHeads(common, file);
  return { kind: "mla", heads, qRank, kvRank, nopeDim, ropeDim, valueDim, loraEps: MLA_LORA_EPS };
}

function checkWidth(field: string, headDim: number, heads: number, file: string, rotated = true): void {
  if (rotated && headDim % 2 !== 0) throw new ConfigError(`${headDim} is odd; RoPE turns pairs`, { file, field });
  const limit = Limits.attentionWidth;
  if (headDim * heads > limit) throw new ConfigError(`${heads} heads of ${headDim} are wider than ${limit}`, { file, field, limit });
  if (headDim > Limits.headDim) throw new ConfigError(`${headDim} is more than ${Limits.headDim}`, { file, field, limit: Limits.headDim });
}

function miniCpmFfn(cpm: v.InferOutput<typeof MiniCpmSchema>, fields: object, file: string): DenseFfn | ExpertFfn {
  switch (cpm.ffn_type) {
    case "vanilla":
      return { kind: "dense", size: check(DenseSchema, fields, file).intermediate_size, gated: cpm.ffn_gated };
    case "block":
    case "block_linear":
      return blockFfn(fields, file);
    case "moe":
      return moeFfn(cpm.ffn_gated, fields, file);
  }
}

/** BlockFFN. intermediate_size is left at a meaningless value by the official converter and ffn_gated does not count. */
function blockFfn(fields: object, file: string): ExpertFfn {
  const block = check(BlockSchema, fields, file);
  checkFfnSize(block.num_experts, block.expert_size, "expert_size", file);
  return {
    kind: "experts",
    router: "block",
    experts: block.num_experts,
    expertSize: block.expert_size,
    routerNorm: block.norm_after_router,
    normScale: block.norm_scale,
    topK: 0,
    topP: 0,
    sharedSize: 0,
    sharedGated: false,
  };
}

/** The baselines: num_experts includes the shared ones, which form one network that obeys ffn_gated. */
function moeFfn(gated: boolean, fields: object, file: string): ExpertFfn {
  const moe = check(MoeSchema, fields, file);
  const { moe_routing_strategy: router, num_shared_experts: shared, intermediate_size: expertSize } = moe;
  const experts = moe.num_experts - shared;
  if (experts < 1)
    throw new ConfigError(`${shared} shared experts of ${moe.num_experts} leave none to choose from`, {
      file,
      field: "num_shared_experts",
    });
  if (router === "topp" && shared > 0)
    throw new ConfigError("topp routing with shared experts is not supported (nor by the official code)", {
      file,
      field: "num_shared_experts",
    });
  checkFfnSize(moe.num_experts, expertSize, "intermediate_size", file);
  const picksK = router === "topk" || router === "sparse_mixer";
  const topK = picksK ? check(TopKSchema, fields, file).moe_top_k : 0;
  if (topK > experts) throw new ConfigError(`${topK} is more than the ${experts} routed experts`, { file, field: "moe_top_k" });
  return {
    kind: "experts",
    router,
    experts,
    expertSize,
    routerNorm: "none",
    normScale: 1,
    topK,
    topP: router === "topp" ? check(TopPSchema, fields, file).moe_top_p : 0,
    sharedSize: shared * expertSize,
    sharedGated: shared > 0 && gated,
  };
}

function checkFfnSize(experts: number, expertSize: number, field: string, file: string): void {
  const limit = Limits.ffnSize;
  if (experts * expertSize > limit)
    throw new ConfigError(`${experts} experts of ${expertSize} are more than ${limit} in all`, { file, field, limit });
}
