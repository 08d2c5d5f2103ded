import { init, jit, lax, nn, numpy as np, random, tree, valueAndGrad } from "@jax-js/jax";
import { LimitError } from "../../errors.ts";

export { jit, lax, nn, np, random, tree, valueAndGrad };

/** An array of the autodiff library. Passing one to a function gives it away: `x.ref` keeps a hold (its README, "Reference counting"). */
export type Tensor = np.Array;
/** Tensors by name. */
export type Tensors = Record<string, Tensor>;

let ready: Promise<void> | undefined;

/**
 * Starts the library's WebAssembly backend, once. By name: in Deno, asking for all backends can wait forever for a GPU.
 * @throws LimitError where it does not run.
 */
export function startAutodiff(): Promise<void> {
  ready ??= init("wasm").then((devices) => {
    if (!devices.includes("wasm")) throw new LimitError("@jax-js/jax cannot use WebAssembly here, so nothing can be trained");
  });
  return ready;
}

/** An f32 tensor of the given shape. */
export function tensor(data: Float32Array, shape: readonly number[]): Tensor {
  return np.array(data as Float32Array<ArrayBuffer>).reshape([...shape]);
}

/** An i32 tensor of the given shape. */
export function intTensor(data: Int32Array, shape: readonly number[]): Tensor {
  return np.array(data as Int32Array<ArrayBuffer>, { dtype: np.int32 }).reshape([...shape]);
}
