import { np, type Tensor } from "../autodiff/jax.ts";

/**
 * L1 of router activations: mean over tokens and experts of |a| (ProSparse, arXiv 2402.13516, uses the sum; the weight takes the
 * difference).
 */
export function l1Loss(activations: Tensor): Tensor {
  return np.mean(np.absolute(activations));
}
