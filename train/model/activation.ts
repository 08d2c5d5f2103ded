import type { Activation } from "../../src/architecture/config.ts";
import { nn, np, type Tensor } from "../autodiff/jax.ts";
import { sigmoid, silu } from "../autodiff/math.ts";

/** An elementwise function by the architecture's name; GELU is the exact one, by the error function. */
export function activate(name: Activation, x: Tensor): Tensor {
  switch (name) {
    case "silu":
      return silu(x);
    case "relu":
      return nn.relu(x);
    case "relu_squared":
      return np.square(nn.relu(x));
    case "gelu":
      return nn.gelu(x, { approximate: false });
    case "sigmoid":
      return sigmoid(x);
    case "none":
      return x;
  }
}
