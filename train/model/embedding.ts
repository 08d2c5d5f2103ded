import { currentBackend, np, type Tensor } from "../autodiff/jax.ts";

/** Rows of a table: `[rows, width]` and i32 `[n]` to `[n, width]`. */
export function takeRows(table: Tensor, ids: Tensor): Tensor {
  return currentBackend() === "wasm" ? np.take(table, ids, 0) : takeRowsByProduct(table, ids);
}

/**
 * The same as a product with one-hot rows, for GPUs: the gradient of the library's gather is a kernel of atomic additions there, which
 * Deno's shader compiler refuses and whose sums would depend on chance.
 */
export function takeRowsByProduct(table: Tensor, ids: Tensor): Tensor {
  const [rows] = table.shape as [number, number];
  const places = np.arange(rows).astype(np.int32).reshape([1, rows]);
  return np.matmul(np.equal(ids.reshape([-1, 1]), places).astype(np.float32), table);
}
