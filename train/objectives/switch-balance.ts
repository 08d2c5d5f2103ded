import { lax, np, type Tensor } from "../autodiff/jax.ts";

/**
 * Load balance against the activations that there should be (Megatron's form of Switch Transformer, arXiv 2101.03961): experts / k * sum
 * over
 * experts of (mean share) * (share of tokens that use it). `balanceLoss` divides by the activations that there are instead.
 * @param shares `[tokens, experts]` soft shares, whose mean gets the gradient
 * @param active `[tokens, experts]` 1 where the expert is used; no gradient
 * @param k experts a token should use
 */
export function switchBalanceLoss(shares: Tensor, active: Tensor, k: number): Tensor {
  const experts = shares.shape[1] as number;
  const load = np.mean(lax.stopGradient(active), 0);
  return np
    .mean(shares, 0)
    .mul(load)
    .sum()
    .mul(experts / k);
}
