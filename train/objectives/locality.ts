import { np, type Tensor } from "../autodiff/jax.ts";
import { sigmoid, softplus } from "../autodiff/math.ts";

/**
 * Activation locality (BlockFFN, section 3.2): binary cross entropy between the activation patterns of neighbouring tokens,
 * softened to sigmoid(steepness * score). The gradient flows to both tokens, as in the authors' code.
 * @param raw `[tokens, experts]` router scores before ReLU
 * @param follows `[tokens]` 1 where the token follows the one before it in the same document, 0 elsewhere (the first token: 0)
 * @returns scalar: mean over following tokens and experts, 0 when there are none
 */
export function localityLoss(raw: Tensor, follows: Tensor, steepness: number): Tensor {
  const [tokens, experts] = raw.shape as [number, number];
  const scaled = raw.mul(steepness);
  const logit = scaled.ref.slice([0, tokens - 1]);
  const target = sigmoid(scaled.slice([1, tokens]));
  // BCE with logits: softplus(z) - z y.
  const loss = softplus(logit.ref).sub(logit.mul(target)).sum(-1);
  const valid = follows.slice([1, tokens]);
  const count = np.maximum(valid.ref.sum(), 1).mul(experts);
  return loss.mul(valid).sum().div(count);
}

/**
 * Token balance of the authors' code: mean squared difference of neighbouring tokens' soft shares of active experts.
 * Arguments as for `localityLoss`.
 */
export function tokenBalanceLoss(raw: Tensor, follows: Tensor, steepness: number): Tensor {
  const tokens = raw.shape[0] as number;
  const share = np.mean(sigmoid(raw.mul(steepness)), -1);
  const difference = share.ref.slice([0, tokens - 1]).sub(share.slice([1, tokens]));
  const valid = follows.slice([1, tokens]);
  const count = np.maximum(valid.ref.sum(), 1);
  return np.square(difference).mul(valid).sum().div(count);
}
