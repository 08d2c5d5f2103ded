import { ConfigError } from "../../src/errors.ts";
import { parseHfConfig } from "../../src/format/hf/config.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { decoFields } from "./deco.ts";
import type { RouterName, TrainConfig } from "./schema.ts";

export interface HfModel {
  /** The official config.json. */
  readonly json: Record<string, unknown>;
  readonly config: ModelConfig;
}

export interface Vocabulary {
  readonly size: number;
  readonly bos: number | undefined;
  readonly eos: number | undefined;
}

/**
 * The official config.json of a model to train, and what the engine makes of it.
 * @throws ConfigError in the fields' official names where sizes do not fit together.
 */
export function hfModel({ model }: TrainConfig, vocabulary: Vocabulary, file: string): HfModel {
  const { router } = model;
  if (model.sharedExperts !== undefined && router !== "deepseek") {
    throw new ConfigError(`goes with router deepseek, not ${router}`, { file, field: "model.sharedExperts" });
  }
  const topK = targetActive(model);
  if (topK > model.experts)
    throw new ConfigError(`is ${topK}, more than the ${model.experts} experts`, { file, field: "model.topK", limit: model.experts });
  const json = {
    ...(router === "deco" ? decoFields(model, file) : cpmFields(model, router, file)),
    hidden_act: "silu",
    bos_token_id: vocabulary.bos ?? null,
    eos_token_id: vocabulary.eos ?? null,
    tie_word_embeddings: model.tied,
    torch_dtype: "float32",
    attention_bias: false,
    rope_scaling: null,
    use_cache: true,
    vocab_size: vocabulary.size,
    hidden_size: model.hidden,
    num_hidden_layers: model.layers,
    num_attention_heads: model.heads,
    num_key_value_heads: model.kvHeads ?? model.heads,
    rms_norm_eps: model.rmsEps,
    rope_theta: model.ropeTheta,
    max_position_embeddings: model.context,
  };
  return { json, config: parseHfConfig(JSON.stringify(json), `${file} (as config.json)`) };
}

/** Experts a token uses by default: about a fifth, as in the paper's comparison. */
export function targetActive(model: TrainConfig["model"]): number {
  return model.topK ?? Math.max(1, Math.round(model.experts * 0.21));
}

type CpmRouter = Exclude<RouterName, "deco">;

function cpmFields(model: TrainConfig["model"], router: CpmRouter, file: string): Record<string, unknown> {
  return {
    architectures: ["MiniCPMForCausalLM"],
    model_type: "minicpm",
    attention_type: "vanilla",
    ...ffnFields(model, router, file),
    initializer_range: model.initStd,
    scale_emb: model.embeddingScale,
    scale_depth: model.depthScale,
    dim_model_base: model.baseWidth,
  };
}

function ffnFields(model: TrainConfig["model"], router: CpmRouter, file: string): Record<string, unknown> {
  const { experts, expertSize } = model;
  const topK = targetActive(model);
  switch (router) {
    case "blockffn":
    case "blockffn-no-norm":
      return {
        ffn_type: "block_linear",
        ffn_gated: false,
        router_act: "relu",
        norm_after_router: router === "blockffn" ? "rms" : "none",
        norm_scale: 1,
        block_implementation: "torch",
        num_experts: experts,
        expert_size: expertSize,
        intermediate_size: experts * expertSize,
      };
    case "dense":
      return { ffn_type: "vanilla", ffn_gated: true, intermediate_size: denseSize(experts, expertSize) };
    case "deepseek": {
      const shared = model.sharedExperts ?? 1;
      if (shared >= topK)
        throw new ConfigError(`${shared} shared experts leave none of ${topK} to choose; topK counts both`, { file, field: "model.topK" });
      return { ...moe("topk", experts, expertSize), num_shared_experts: shared, moe_top_k: topK - shared };
    }
    case "topk":
      return { ...moe("topk", experts, expertSize), moe_top_k: topK };
    case "grin":
      return { ...moe("sparse_mixer", experts, expertSize), moe_top_k: topK };
    case "remoe":
      return moe("relu", experts, expertSize);
  }
}

function moe(strategy: string, experts: number, size: number): Record<string, unknown> {
  return { ffn_type: "moe", ffn_gated: false, moe_routing_strategy: strategy, num_experts: experts, intermediate_size: size };
}

/** Width of a gated network (3 matrices) with the weights of the experts (2 matrices) and their router. */
export function denseSize(experts: number, expertSize: number): number {
  return Math.round((2 * experts * expertSize + experts) / 3);
}
