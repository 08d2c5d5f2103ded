import { planModel } from "../../core/plan.ts";
import type { ModelConfig } from "../architecture/config.ts";
import { architectureOf } from "../architecture/flat.ts";

/** Share of experts that a token is assumed to activate. */
const ACTIVE = 0.3;

/** Weights that one token is multiplied with in a forward pass, roughly: what compares the cost of two models before it is measured. */
export function weightsPerToken(config: ModelConfig): number {
  let weights = 0;
  for (const part of planModel(architectureOf(config), 0).parts) {
    if (part.vector || (part.name === "embed" && !config.tied)) continue;
    weights += part.parameters * (part.experts ? ACTIVE : 1);
  }
  return weights;
}

/** Share of these that belongs to the logits. */
export function logitShare(config: ModelConfig): number {
  return (config.hiddenSize * config.vocabSize) / weightsPerToken(config);
}
