import { np, type Tensor } from "../autodiff/jax.ts";
import { log } from "../autodiff/math.ts";

const EPS = 1e-5;

/** Router entropy: mean over tokens of -sum p ln(p + 1e-5). `shares` `[tokens, experts]`; scalar. */
export function entropyLoss(shares: Tensor): Tensor {
  return np.mean(shares.ref.mul(log(shares.add(EPS))).sum(-1)).neg();
}
