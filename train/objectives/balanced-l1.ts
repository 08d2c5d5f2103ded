import { lax, np, type Tensor } from "../autodiff/jax.ts";

/**
 * ReMoE's L1 with load balance (arXiv 2412.14711): experts * sum over experts of (mean activation) * (share of tokens that use it) / k.
 * @param activations `[tokens, experts]`, not negative
 * @param active `[tokens, experts]` 1 where the expert is used; no gradient
 * @param k experts a token should use
 */
export function balancedL1Loss(activations: Tensor, active: Tensor, k: number): Tensor {
  const experts = activations.shape[1] as number;
  const load = np.mean(lax.stopGradient(active), 0);
  return np
    .mean(activations, 0)
    .mul(load)
    .sum()
    .mul(experts / k);
}
