import { nn, np, type Tensor } from "../autodiff/jax.ts";
import { rmsNormalize } from "../model/rms-norm.ts";

const EPS = 1e-5;

export interface BlockRouterOptions {
  readonly norm: "rms" | "sum" | "none";
  readonly normScale: number;
  readonly eps: number;
}

export interface BlockScores {
  /** What multiplies the experts, `[tokens, experts]`. */
  readonly scores: Tensor;
  /** Activation shares, which sum to about 1 a token (see `chunkLoss`). */
  readonly shares: Tensor;
}

/**
 * BlockFFN's router after its projection: ReLU, then a norm over the experts.
 * @param raw `[tokens, experts]`
 * @param weight `[experts]`, for norm `rms`: multiplies the scores but not the shares
 */
export function blockScores(raw: Tensor, weight: Tensor | undefined, options: BlockRouterOptions): BlockScores {
  const { norm, normScale, eps } = options;
  const active = nn.relu(raw);
  if (norm === "rms") {
    const normal = rmsNormalize(active, eps);
    const shares = normal.ref.div(normal.ref.sum(-1, { keepdims: true }).add(EPS));
    return { scores: normal.mul(weight as Tensor), shares };
  }
  const sum = np.sum(active.ref, -1, { keepdims: true }).mul(normScale).add(EPS);
  if (norm === "none") return { scores: active.ref, shares: active.div(sum) };
  const scores = active.div(sum);
  return { scores: scores.ref, shares: scores.mul(normScale) };
}
