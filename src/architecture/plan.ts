import { planDraft, planModel, type WeightPlan } from "../../core/plan.ts";
import type { ModelConfig } from "./config.ts";
import { architectureOf } from "./flat.ts";
import { QUANTIZATIONS, type Quantization } from "./quantization.ts";

/** Lays out the weights of a model in the order in which the forward pass reads them. */
export function planWeights(config: ModelConfig, quantization: Quantization): WeightPlan {
  return planModel(architectureOf(config), QUANTIZATIONS.indexOf(quantization));
}

/** Lays out an EAGLE head's own weights. */
export function planEagle(config: ModelConfig, quantization: Quantization): WeightPlan {
  return planDraft(architectureOf(config), QUANTIZATIONS.indexOf(quantization));
}

/** The weight type that a plan is for. */
export function quantizationOf(plan: WeightPlan): Quantization {
  return QUANTIZATIONS[plan.quantization] as Quantization;
}
