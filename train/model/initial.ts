import type { Random } from "../../src/decode/sampling/rng.ts";
import { decoSettings, usesMup } from "../config/deco.ts";
import type { TrainConfig } from "../config/schema.ts";
import type { ParameterGroup } from "../optimizer/adamw.ts";
import type { Parameter, ParameterTable } from "./parameters.ts";

/**
 * Learning-rate groups by muP as MiniCPM uses it (arXiv 2203.03466, 2404.06395): hidden matrices at baseWidth / width of the rate,
 * embedding, head and norms at the whole; matrices decay. DECO without muP: all at the whole.
 */
export function parameterGroups(table: ParameterTable, model: TrainConfig["model"]): ParameterGroup[] {
  const narrow = usesMup(model) ? model.baseWidth / model.hidden : 1;
  return table.entries.map((entry) => ({
    offset: entry.offset,
    length: entry.length,
    rate: isHidden(entry) ? narrow : 1,
    decays: entry.shape.length > 1,
  }));
}

/**
 * Fills the weights: norms 1, DECO's router scales router_norm_init_var and its biases 0; matrices normal, hidden ones with a standard
 * deviation of initStd / sqrt(width / baseWidth), or as DECO's code has them.
 */
export function initialWeights(table: ParameterTable, model: TrainConfig["model"], random: Random, weights: Float32Array): void {
  const narrow = Math.sqrt(model.baseWidth / model.hidden);
  const deviation = usesMup(model)
    ? (entry: Parameter) => model.initStd * (isHidden(entry) ? narrow : 1)
    : decoDeviation(decoSettings(model, "model.deco").init_method_std, model.layers);
  for (const entry of table.entries) {
    const view = table.view(weights, entry);
    if (entry.shape.length === 1) view.fill(initialVector(entry, model));
    else fillNormal(view, random, deviation(entry));
  }
}

function initialVector({ name }: Parameter, model: TrainConfig["model"]): number {
  if (name.endsWith("mlp.expert_bias")) return 0;
  return model.router === "deco" && name.endsWith("mlp.router_norm.weight") ? decoSettings(model, "model.deco").router_norm_init_var : 1;
}

/** What writes into the residual stream starts smaller by the root of its two branches a layer, but not the experts. */
function decoDeviation(std: number, layers: number): (entry: Parameter) => number {
  const output = /self_attn\.o_proj\.weight$|mlp\.(shared_experts\.)?down_proj\.weight$/;
  return ({ name }) => (output.test(name) ? std / Math.sqrt(2 * layers) : std);
}

function isHidden({ name, shape }: Parameter): boolean {
  return shape.length > 1 && name !== "model.embed_tokens.weight" && name !== "lm_head.weight";
}

/** Normal numbers by G. Box and M. Muller, "A Note on the Generation of Random Normal Deviates", 1958. */
export function fillNormal(out: Float32Array, random: Random, deviation: number): void {
  for (let i = 0; i < out.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random.float()));
    const angle = 2 * Math.PI * random.float();
    out[i] = radius * Math.cos(angle);
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle);
  }
}
