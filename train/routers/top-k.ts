import { lax, nn, np, type Tensor } from "../autodiff/jax.ts";
import type { Routing } from "./routing.ts";

/**
 * The k largest of softmax(raw), scaled to sum 1 (as the authors' baselines do; also the routed part of DeepSeekMoE).
 * Experts that tie with the k-th are all used: of random floats none do.
 */
export function topK(raw: Tensor, k: number): Omit<Routing, "raw"> {
  const experts = raw.shape[1] as number;
  const shares = nn.softmax(raw, -1);
  const ascending = np.sort(lax.stopGradient(shares.ref), -1);
  const least = ascending.slice([], [experts - k, experts - k + 1]);
  const active = lax.stopGradient(np.where(np.greaterEqual(lax.stopGradient(shares.ref), least), 1, 0).astype(np.float32));
  const kept = shares.ref.mul(active.ref);
  const scores = kept.ref.mul(np.reciprocal(kept.sum(-1, { keepdims: true })));
  return { scores, shares, active };
}
