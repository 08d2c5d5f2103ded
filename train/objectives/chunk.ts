import { np, type Tensor } from "../autodiff/jax.ts";
import { log } from "../autodiff/math.ts";

const EPS = 1e-5;

/**
 * Chunk sparsification (BlockFFN, section 3.2): 1 - mean over chunks and experts of the probability that no token of the chunk
 * activates the expert, exp(sum_k ln(1 - p_k)).
 * @param shares `[tokens, experts]` activation shares p, masked tokens 0
 * @param length tokens in a chunk; divides the number of tokens
 * @returns scalar; an all-zero chunk gives slightly less than 0, as in the authors' code
 */
export function chunkLoss(shares: Tensor, length: number): Tensor {
  const [tokens, experts] = shares.shape as [number, number];
  // The maximum never binds; it keeps the compiler from folding the constants into 1 + 1e-5, which f32 rounds by 1e-8.
  const idle = np.maximum(np.subtract(1, shares), -1).add(EPS);
  const logs = log(idle).reshape([tokens / length, length, experts]);
  return np.subtract(1, np.mean(np.exp(logs.sum(1))));
}
