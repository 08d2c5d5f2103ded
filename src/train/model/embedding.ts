import { currentBackend, np, type Tensor } from "../autodiff/jax.ts";

/**
 * Rows of a table: `[rows, width]` and i32 `[n]` to `[n, width]`.
 * On a GPU as a product with one-hot rows: the library's gather has a gradient of atomic additions there, which Deno's shader compiler
 * refuses and whose sum would depend on chance.
 */
export function takeRows(table: Tensor, ids: Tensor): Tensor {
  if (currentBackend() === "wasm") return np.take(table, ids, 0);
  const [rows] = table.shape as [number, number];
  const places = np.arange(rows).astype(np.int32).reshape([1, rows]);
  return np.matmul(np.equal(ids.reshape([-1, 1]), places).astype(np.float32), table);
}
