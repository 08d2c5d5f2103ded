import { lax, nn, np, random, type Tensor } from "../autodiff/jax.ts";
import type { RouterNoise, Routing } from "./routing.ts";

/** Jitter of GRIN: experts within twice this of the best, relatively, may be drawn. */
const JITTER = 0.1;
const NEVER = -1e30;
/** A drawn expert that is not the best counts a third, except with this probability (Heun's third-order method). */
const WHOLE = 0.25;
const THIRD = 0.3333;

/**
 * SparseMixer-v2 (GRIN, arXiv 2409.12136): k experts are drawn one after another from a softmax over those close to the best
 * that are left; each counts with its softmax share. With noise the draw is by Gumbel sampling and the gradient is the estimator's,
 * which is that of the share itself; without noise the best are taken.
 */
export function sparseMixer(raw: Tensor, k: number, noise: RouterNoise | undefined): Omit<Routing, "raw"> {
  const shares = nn.softmax(raw.ref, -1);
  let scores: Tensor | undefined;
  let taken: Tensor | undefined;
  for (let pick = 0; pick < k; pick++) {
    const left = taken === undefined ? raw.ref : np.where(np.greater(taken.ref, 0), NEVER, raw.ref);
    const close = lax.stopGradient(isClose(left.ref, raw.ref));
    const candidates = np.where(close, left, NEVER);
    const share = nn.softmax(candidates.ref, -1);
    const fixed = lax.stopGradient(candidates);
    const best = firstLargest(fixed.ref);
    const chosen = noise === undefined ? best.ref : firstLargest(fixed.add(gumbel(noise, raw.shape)));
    const value = share.mul(chosen.ref);
    const weight = noise === undefined ? value : thirdOrder(value, chosen.ref, best.ref, noise);
    best.dispose();
    if (noise === undefined) fixed.dispose();
    scores = scores === undefined ? weight : scores.add(weight);
    taken = taken === undefined ? chosen : taken.add(chosen);
  }
  raw.dispose();
  return { scores: scores as Tensor, shares, active: taken as Tensor };
}

/** 1 where (max - s) / max(|s|, max) is at most twice the jitter; s: the scores before any expert was taken out. */
function isClose(left: Tensor, original: Tensor): Tensor {
  const max = np.max(left, -1, { keepdims: true });
  const factor = np.maximum(np.absolute(original.ref), max.ref);
  return np.lessEqual(max.sub(original).div(factor), 2 * JITTER);
}

/** One-hot rows: 1 at the largest value, the first of equals. */
function firstLargest(x: Tensor): Tensor {
  const experts = x.shape[1] as number;
  return np.equal(np.argmax(x, -1).reshape([-1, 1]), np.arange(experts).astype(np.int32).reshape([1, experts])).astype(np.float32);
}

function gumbel(noise: RouterNoise, shape: readonly number[]): Tensor {
  return random.gumbel(noise.key(), [...shape]);
}

/** The value is the share or a third of it; the gradient stays the share's. */
function thirdOrder(value: Tensor, chosen: Tensor, best: Tensor, noise: RouterNoise): Tensor {
  const same = chosen.mul(best).sum(-1, { keepdims: true });
  const whole = np.less(random.uniform(noise.key(), [value.shape[0] as number, 1]), WHOLE).astype(np.float32);
  const factor = np
    .maximum(same, whole)
    .mul(1 - THIRD)
    .add(THIRD);
  const forward = lax.stopGradient(value.ref).mul(lax.stopGradient(factor).sub(1));
  return value.add(forward);
}
