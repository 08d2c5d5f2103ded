import { lax, np, type Tensor } from "../autodiff/jax.ts";

/** What a router makes of a layer's tokens; each `[tokens, experts]`. */
export interface Routing {
  /** The projection's output. */
  readonly raw: Tensor;
  /** What multiplies the experts; 0: not used. */
  readonly scores: Tensor;
  /** Soft shares, which sum to about 1 a token: what entropy, balance and chunk objectives are about. */
  readonly shares: Tensor;
  /** What L1 objectives are about, where a learned scale makes the scores something else. */
  readonly activations?: Tensor;
  /** 1 where the expert is used; no gradient. */
  readonly active: Tensor;
}

/** 1 where a score is not 0; no gradient. */
export function activeFlags(scores: Tensor): Tensor {
  return lax.stopGradient(np.where(np.notEqual(scores, 0), 1, 0).astype(np.float32));
}

/** Random numbers for routers that draw experts (SparseMixer); absent when the model is evaluated. */
export interface RouterNoise {
  /** A key of the library's random numbers. */
  key(): Tensor;
}
