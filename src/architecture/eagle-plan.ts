import type { ModelConfig } from "./config.ts";
import { planLayer, Planner, type WeightPlan } from "./plan.ts";
import type { Quantization } from "../architecture/quantization.ts";

/** Lays out a head's own weights. Layer 0 has no norm before its attention. */
export function planEagle(config: ModelConfig, quantization: Quantization): WeightPlan {
  const plan = new Planner(quantization);
  const hidden = config.hiddenSize;
  plan.vector("embed_norm", hidden);
  plan.matrix("fc_embed", hidden, hidden);
  plan.vector("hidden_norm", hidden);
  plan.matrix("fc_hidden", hidden, hidden);
  plan.vector("fc_bias", hidden);
  for (let l = 0; l < config.layers; l++) {
    if (l > 0) plan.vector(`layers.${l}.attn_norm`, hidden);
    planLayer(config, `layers.${l}.`, plan);
  }
  return plan.finish();
}
