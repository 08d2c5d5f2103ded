import type { ModelConfig } from "../../src/architecture/config.ts";
import { lax, np, tensor, type Tensor, type Tensors } from "../autodiff/jax.ts";
import { logSumExp } from "../autodiff/math.ts";
import { forwardHidden, headLogits, type TokenRows } from "../model/forward.ts";
import type { RouterNoise, Routing } from "../routers/routing.ts";
import { balanceLoss } from "./balance.ts";
import { balancedL1Loss } from "./balanced-l1.ts";
import { chunkLoss } from "./chunk.ts";
import { entropyLoss } from "./entropy.ts";
import { l1Loss } from "./l1.ts";
import { localityLoss } from "./locality.ts";
import { switchBalanceLoss } from "./switch-balance.ts";

/** The objectives beside the language model's, in the order of `factors`. */
export const AUXILIARIES = ["locality", "chunk", "l1", "entropy", "balance", "balancedL1"] as const;
export type Auxiliary = (typeof AUXILIARIES)[number];

/** What a pass reports, in the order of its `stats`. */
export const STATS = ["loss", ...AUXILIARIES, "active", "activeInChunk"] as const;
export type Stat = (typeof STATS)[number];

/** Tokens in the chunks whose shared sparsity is reported (CLS_8). */
export const CLS_LENGTH = 8;

export interface ObjectiveOptions {
  /** The objectives that are computed; the others are 0. */
  readonly auxiliaries: readonly Auxiliary[];
  readonly steepness: number;
  readonly chunkLength: number;
  /** Experts a token should use (for balancedL1). */
  readonly targetActive: number;
  /** The balance objective is about `targetActive` experts a token (`switchBalanceLoss`), not about as many as there are. */
  readonly balanceToTarget?: boolean;
}

/** Rows to learn from. */
export interface LearningRows extends TokenRows {
  /** `[rows, length]` i32: the next token. */
  readonly targets: Tensor;
  /** `[rows, length]` f32: 1 where the target counts. */
  readonly weights: Tensor;
  /** `[rows, length]` f32: 1 where a token follows one of its document in the same row. */
  readonly follows: Tensor;
  /** `[auxiliaries]` f32: what each objective is multiplied by. */
  readonly factors: Tensor;
}

/**
 * Language model loss plus factor times each auxiliary objective, these averaged over the layers (BlockFFN, section 3.2; as in DECO's code,
 * a dense layer between them counts, with 0).
 * @returns the scalar to minimise, and `[STATS]`: mean negative log-likelihood, the objectives before their factors, and the shares of
 *   experts active for a token and for 8 consecutive ones. Behind them, for routers with an expert bias: the tokens that used each expert,
 *   `[layers with experts, experts]`
 */
export function totalLoss(
  config: ModelConfig,
  options: ObjectiveOptions,
  weights: Tensors,
  rows: LearningRows,
  noise?: RouterNoise,
): [Tensor, Tensor] {
  const { hidden, routings } = forwardHidden(config, weights, rows, noise);
  const loss = crossEntropy(headLogits(config, weights, hidden), rows.targets.ref, rows.weights.ref);
  let total = loss.ref;
  const stats = [lax.stopGradient(loss)];
  const follows = rows.follows.reshape([-1]);
  AUXILIARIES.forEach((name, i) => {
    if (!options.auxiliaries.includes(name) || routings.length === 0) return void stats.push(scalar(0));
    const value = layerSum(routings, (routing) => auxiliary(name, routing, follows, options)).div(config.layers);
    stats.push(lax.stopGradient(value.ref));
    total = total.add(value.mul(rows.factors.ref.slice(i)));
  });
  const loads = hasExpertBias(config) ? routings.map(({ active }) => active.ref.sum(0)) : [];
  if (routings.length === 0) stats.push(scalar(1), scalar(1));
  else
    stats.push(
      layerMean(routings, ({ active }) => np.mean(active.ref)),
      layerMean(routings, ({ active }) => activeInChunks(active)),
    );
  return [total, loads.length === 0 ? np.stack(stats) : np.concatenate([np.stack(stats), ...loads])];
}

/** Mean of -ln softmax(logits)[target] over the tokens that count. */
export function crossEntropy(logits: Tensor, targets: Tensor, weights: Tensor): Tensor {
  const [n, vocab] = logits.shape as [number, number];
  const ids = np.arange(vocab).astype(np.int32).reshape([1, vocab]);
  const picked = np.where(np.equal(targets.reshape([n, 1]), ids), logits.ref, 0).sum(-1);
  const losses = logSumExp(logits).reshape([n]).sub(picked);
  const counts = weights.reshape([n]);
  return losses.mul(counts.ref).sum().div(np.maximum(counts.sum(), 1));
}

/** Has the model a bias that is moved by how many tokens used each expert? */
export function hasExpertBias({ ffn }: ModelConfig): boolean {
  return ffn.kind === "experts" && (ffn.expertBias ?? "none") !== "none";
}

function auxiliary(
  name: Auxiliary,
  { raw, scores, activations = scores, shares, active }: Routing,
  follows: Tensor,
  options: ObjectiveOptions,
): Tensor {
  switch (name) {
    case "locality":
      return localityLoss(raw.ref, follows.ref, options.steepness);
    case "chunk":
      return chunkLoss(shares.ref, options.chunkLength);
    case "l1":
      return l1Loss(activations.ref);
    case "entropy":
      return entropyLoss(shares.ref);
    case "balance":
      if (options.balanceToTarget === true) return switchBalanceLoss(shares.ref, active.ref, options.targetActive);
      return balanceLoss(shares.ref, active.ref);
    case "balancedL1":
      return balancedL1Loss(activations.ref, active.ref, options.targetActive);
  }
}

function layerMean(routings: readonly Routing[], value: (routing: Routing) => Tensor): Tensor {
  return layerSum(routings, value).div(routings.length);
}

function layerSum(routings: readonly Routing[], value: (routing: Routing) => Tensor): Tensor {
  return routings.map(value).reduce((sum, next) => sum.add(next));
}

function activeInChunks(active: Tensor): Tensor {
  const [tokens, experts] = active.shape as [number, number];
  const whole = tokens - (tokens % CLS_LENGTH);
  return np.mean(np.max(active.slice([0, whole]).reshape([whole / CLS_LENGTH, CLS_LENGTH, experts]), 1));
}

function scalar(value: number): Tensor {
  return tensor(Float32Array.of(value), []);
}
