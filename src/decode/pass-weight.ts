import type { ModelConfig } from "../architecture/config.ts";

/** Share of experts that a token is assumed to activate. */
const ACTIVE = 0.3;

/** Weights that one token is multiplied with in a forward pass, roughly: what compares the cost of two models before it is measured. */
export function weightsPerToken(config: ModelConfig): number {
  const { attention: a, ffn, hiddenSize: h, layers, vocabSize } = config;
  const attention = a.kind === "gqa" ? 2 * h * (a.heads + a.kvHeads) * a.headDim
    : h * (a.qRank + a.kvRank + a.ropeDim) + a.heads * (a.qRank * (a.nopeDim + a.ropeDim) + a.kvRank * (a.nopeDim + a.valueDim) + h * a.valueDim);
  const mlp = ffn.kind === "dense" ? (ffn.gated ? 3 : 2) * h * ffn.size
    : h * ffn.experts + 2 * h * ffn.expertSize * ffn.experts * ACTIVE + (ffn.sharedGated ? 3 : 2) * h * ffn.sharedSize;
  return layers * (attention + mlp) + h * vocabSize;
}

/** Share of these that belongs to the logits. */
export function logitShare(config: ModelConfig): number {
  return (config.hiddenSize * config.vocabSize) / weightsPerToken(config);
}
