import type { Tensor } from "../autodiff/jax.ts";
import { silu } from "../autodiff/math.ts";
import { linear } from "./linear.ts";

/**
 * Experts as one wide network: silu(x up^T), each expert's part times its score, then down. All experts are computed;
 * those with score 0 add exactly 0.
 * @param x `[n, hidden]`
 * @param scores `[n, experts]`
 * @param up `[experts * size, hidden]`
 * @param down `[hidden, experts * size]`
 */
export function weightedExperts(x: Tensor, scores: Tensor, up: Tensor, down: Tensor): Tensor {
  return scoredDown(silu(linear(x, up)), scores, down);
}

/** The second half: `inner` `[n, experts * size]`, each expert's part times its score, then down. */
export function scoredDown(inner: Tensor, scores: Tensor, down: Tensor): Tensor {
  const [n, experts] = scores.shape as [number, number];
  const width = inner.shape[1] as number;
  const weighted = inner.reshape([n, experts, width / experts]).mul(scores.reshape([n, experts, 1]));
  return linear(weighted.reshape([n, width]), down);
}
