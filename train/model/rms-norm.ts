import { np, type Tensor } from "../autodiff/jax.ts";

/** x / sqrt(mean(x^2) + eps) over the last axis (B. Zhang, R. Sennrich: "Root Mean Square Layer Normalization", 2019), without a weight. */
export function rmsNormalize(x: Tensor, eps: number): Tensor {
  const meanSquare = np.mean(np.square(x.ref), -1, { keepdims: true });
  return x.mul(np.reciprocal(np.sqrt(meanSquare.add(eps))));
}

/** RMSNorm with a weight `[last axis]`. */
export function rmsNorm(x: Tensor, weight: Tensor, eps: number): Tensor {
  return rmsNormalize(x, eps).mul(weight);
}
