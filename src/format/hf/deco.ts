import type * as v from "valibot";
import { Limits } from "../../../core/limits.ts";
import type { Activation, ExpertFfn, ModelConfig } from "../../architecture/config.ts";
import { ConfigError } from "../../errors.ts";
import { ACTIVATIONS, named, NORMED, ROUTER_NORMS } from "./deco-names.ts";
import { check, DecoSchema, type CommonFields } from "./schema.ts";

// DECO (arXiv 2605.10933), whose published model type is "blockffn". Its configurations hold the training framework's arguments beside
// names of a base file that nobody keeps up to date: where both are there, the former count (num_layers, num_query_groups,
// ffn_hidden_size, norm_epsilon). router_type, moe_router_topk and their like are defaults of the framework that mean nothing here.

const DEFAULT_EPSILON = 1e-5;

/** The fields, with those of the framework where the base file's are stale. */
export function decoFields(json: object): object {
  const f = json as Readonly<Record<string, unknown>>;
  const first = (...names: string[]): unknown => names.map((name) => f[name]).find((value) => value !== undefined && value !== null);
  return {
    ...f,
    num_hidden_layers: first("num_layers", "num_hidden_layers"),
    num_key_value_heads: first("num_query_groups", "num_key_value_heads"),
    intermediate_size: first("ffn_hidden_size", "intermediate_size"),
    rms_norm_eps: first("norm_epsilon", "layernorm_epsilon", "rms_norm_eps") ?? DEFAULT_EPSILON,
    head_dim: first("head_dim", "kv_channels"),
    rope_theta: first("rope_theta", "rotary_base"),
  };
}

/** What a DECO configuration says beyond the fields of every architecture. @param fields of decoFields */
export function decoParts(
  common: CommonFields,
  fields: object,
  file: string,
): Pick<ModelConfig, "embedScale" | "residualScale" | "logitScale" | "ffn"> {
  const deco = check(DecoSchema, fields, file);
  const mup = deco.use_mup;
  return {
    embedScale: mup ? deco.mup_emb_scale : 1,
    residualScale: mup ? deco.mup_depth_scale / Math.sqrt(common.num_hidden_layers) : 1,
    logitScale: mup ? deco.mup_base_hidden_size / common.hidden_size : 1,
    ffn: ffnOf(deco, common.num_hidden_layers, file),
  };
}

function ffnOf(deco: v.InferOutput<typeof DecoSchema>, layers: number, file: string): ModelConfig["ffn"] {
  const kinds = layerKinds(deco.moe_layer_freq, layers, file);
  const denseLayers = kinds.flatMap((kind, layer) => (kind === 0 ? [layer] : []));
  if (denseLayers.length === layers) return { kind: "dense", size: denseSize(deco.intermediate_size, file), gated: true };
  const { num_experts: experts, moe_ffn_hidden_size: expertSize } = deco;
  if (experts * expertSize > Limits.ffnSize) {
    throw new ConfigError(`${experts} experts of ${expertSize} are more than ${Limits.ffnSize} in all`, {
      file,
      field: "moe_ffn_hidden_size",
      limit: Limits.ffnSize,
    });
  }
  return {
    kind: "experts",
    router: "block",
    experts,
    expertSize,
    routerNorm: named(ROUTER_NORMS, deco.router_norm_type)!,
    normScale: deco.router_norm_fixed ? deco.router_norm_init_var : 1,
    topK: 0,
    topP: 0,
    sharedSize: deco.moe_shared_expert_intermediate_size ?? 0,
    sharedGated: true,
    activation: named<Activation>(ACTIVATIONS, deco.expert_act_func) ?? "silu",
    expertNorm: named<ExpertFfn["expertNorm"]>(NORMED, deco.expert_act_func) ?? "none",
    expertGated: !deco.expert_not_gated,
    expertBias: !deco.moe_router_enable_expert_bias ? "none" : deco.moe_expert_bias_apply_method === "base" ? "plain" : "rms",
    routerActivation: named(ACTIVATIONS, deco.router_act_func)!,
    routerScale: deco.router_norm_fixed ? "fixed" : deco.router_norm_scalar ? "scalar" : "learned",
    ...(denseLayers.length > 0 && { denseLayers, denseSize: denseSize(deco.intermediate_size, file), denseGated: true }),
  };
}

/** 0 for a dense layer, 1 for one with experts: a list, or every how-many-th layer has experts. */
function layerKinds(frequency: number | readonly number[], layers: number, file: string): readonly number[] {
  if (typeof frequency === "number") return Array.from({ length: layers }, (_, layer) => (layer % frequency === 0 ? 1 : 0));
  if (frequency.length === layers) return frequency;
  throw new ConfigError(`has ${frequency.length} entries for ${layers} layers`, { file, field: "moe_layer_freq" });
}

function denseSize(size: number | null | undefined, file: string): number {
  if (typeof size === "number") return size;
  throw new ConfigError("is missing; a dense layer needs it", { file, field: "ffn_hidden_size" });
}
