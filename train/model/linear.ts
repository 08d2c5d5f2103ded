import { np, type Tensor } from "../autodiff/jax.ts";

/** x W^T: `[n, in]` by `[out, in]` to `[n, out]`. */
export function linear(x: Tensor, weight: Tensor): Tensor {
  return np.matmul(x, np.transpose(weight));
}
