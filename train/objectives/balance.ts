import { lax, np, type Tensor } from "../autodiff/jax.ts";

const EPS = 1e-5;

/**
 * Load balance (Switch Transformer, arXiv 2101.03961): experts * sum over experts of (mean share) * (share of all activations).
 * @param shares `[tokens, experts]` soft shares, whose mean gets the gradient
 * @param active `[tokens, experts]` 1 where the expert is used; no gradient
 */
export function balanceLoss(shares: Tensor, active: Tensor): Tensor {
  const experts = shares.shape[1] as number;
  const flags = lax.stopGradient(active);
  const load = flags.ref.sum(0).div(flags.sum().add(EPS));
  return np.mean(shares, 0).mul(load).sum().mul(experts);
}
