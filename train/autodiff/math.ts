import { lax, nn, np, type Tensor } from "./jax.ts";

/**
 * Natural logarithm of x > 0. The library's own is off by up to 1e-5 near 1; one Newton step on e^y = x leaves float32 rounding.
 * The gradient is 1 / x.
 */
export function log(x: Tensor): Tensor {
  const rough = np.log(x.ref);
  const step = lax.stopGradient(x.mul(np.exp(rough.ref.neg())).sub(1));
  return rough.add(step);
}

/** ln(1 + e^z), for any z: the library's own overflows above 88. */
export function softplus(z: Tensor): Tensor {
  return np.maximum(z.ref, 0).add(log(np.exp(np.absolute(z).neg()).add(1)));
}

/** ln(sum(e^x)) over the last axis, which stays with length 1. */
export function logSumExp(x: Tensor): Tensor {
  const max = lax.stopGradient(np.max(x.ref, -1, { keepdims: true }));
  return log(np.exp(x.sub(max.ref)).sum(-1, { keepdims: true })).add(max);
}

/** e^80 is finite in f32, and sigmoid(80) is 1. */
const SATURATED = 80;

/** 1 / (1 + e^-x). The gradient of the library's own is NaN below -88. */
export function sigmoid(x: Tensor): Tensor {
  return nn.sigmoid(np.clip(x, -SATURATED, SATURATED));
}

/** x sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return x.ref.mul(sigmoid(x));
}
