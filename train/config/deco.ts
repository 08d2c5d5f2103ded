import { ConfigError } from "../../src/errors.ts";
import { check } from "../../src/format/hf/schema.ts";
import { DecoSettingsSchema, type DecoSettings, type TrainConfig } from "./schema.ts";

type Model = TrainConfig["model"];

/** Functions whose values may be negative: shares of them are no shares. */
const SIGNED = ["silu", "gelu", "null"];
const SHARES = ["chunk", "entropy", "balance"] as const;

/** A model's DECO settings, with defaults for those that it leaves out. */
export function decoSettings(model: Model, file: string): DecoSettings {
  return model.deco ?? check(DecoSettingsSchema, {}, file);
}

/** Are muP's scalings and initialisation used? With every router but DECO's. */
export function usesMup(model: Model): boolean {
  return model.router !== "deco" || model.deco?.use_mup === true;
}

/** @throws ConfigError for settings and objectives that do not go with the router. */
export function checkDeco(model: Model, objectives: TrainConfig["objectives"], file: string): void {
  if (model.router !== "deco") {
    if (model.deco !== undefined) throw new ConfigError(`goes with router deco, not ${model.router}`, { file, field: "model.deco" });
    return;
  }
  const settings = decoSettings(model, file);
  const act = String(settings.router_act_func);
  const signed = SIGNED.includes(act) ? SHARES.find((name) => objectives[name] !== undefined) : undefined;
  if (signed !== undefined) {
    const message = `is about shares of router scores, which ${act} may make negative; take relu, sqrelu or sigmoid`;
    throw new ConfigError(message, { file, field: `objectives.${signed}` });
  }
  if (!layerKinds(settings, model.layers).includes(1)) {
    throw new ConfigError("has no layer with experts; train such a model with router dense", { file, field: "model.deco.moe_layer_freq" });
  }
}

/**
 * The fields of DECO's published config.json that say what its layers are; where the base file's names differ, both are there.
 * parseHfConfig checks what fits together.
 */
export function decoFields(model: Model, file: string): Record<string, unknown> {
  const deco = decoSettings(model, file);
  const { moe_router_bias_update_rate: _rate, ffn_hidden_size: width, use_mup, ...published } = deco;
  const shared = sharedWidth(deco, model.expertSize);
  const dense = width ?? denseWidth(model, deco, shared);
  return {
    architectures: ["BlockFFNForCausalLM"],
    model_type: "blockffn",
    use_blockffn: true,
    ...published,
    moe_layer_freq: layerKinds(deco, model.layers),
    num_layers: model.layers,
    num_query_groups: model.kvHeads ?? model.heads,
    ...(model.hidden % model.heads === 0 && { head_dim: model.hidden / model.heads }),
    norm_epsilon: model.rmsEps,
    ffn_hidden_size: dense,
    intermediate_size: dense,
    num_experts: model.experts,
    moe_ffn_hidden_size: model.expertSize,
    moe_shared_expert_intermediate_size: shared === 0 ? null : shared,
    moe_router_dtype: "fp32",
    expert_act_norm_type: "normal",
    use_mup,
    ...(use_mup === true && {
      mup_emb_scale: model.embeddingScale,
      mup_depth_scale: model.depthScale,
      mup_base_hidden_size: model.baseWidth,
    }),
    initializer_range: use_mup === true ? model.initStd : deco.init_method_std,
  };
}

function sharedWidth({ moe_shared_expert_intermediate_size: width }: DecoSettings, expertSize: number): number {
  return width === undefined ? 2 * expertSize : (width ?? 0);
}

/** Width of a gated network with as many weights as a layer's experts, router and shared expert, as in the published sizes. */
function denseWidth({ experts, expertSize }: Model, deco: DecoSettings, shared: number): number {
  const matrices = deco.expert_not_gated === false ? 3 : 2;
  return Math.round((matrices * experts * expertSize + experts + 3 * shared) / 3);
}

/** Kinds by layer: a list of another length is left for parseHfConfig to refuse. */
function layerKinds({ moe_layer_freq: given }: DecoSettings, layers: number): readonly number[] {
  if (Array.isArray(given)) return given as readonly number[];
  const kind = typeof given === "number" ? (l: number) => (l % given === 0 ? 1 : 0) : (l: number) => (l === 0 && layers > 1 ? 0 : 1);
  return Array.from({ length: layers }, (_, l) => kind(l));
}
