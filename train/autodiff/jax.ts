import { defaultDevice, init, jit, lax, nn, numpy as np, random, tree, valueAndGrad } from "@jax-js/jax";
import { LimitError } from "../../src/errors.ts";

declare global {
  /** The library's types name it; TypeScript knows it where `lib` has esnext.float16. */
  interface Float16Array<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> extends ArrayLike<number> {
    readonly buffer: TArrayBuffer;
  }
}

export { jit, lax, nn, np, random, tree, valueAndGrad };

/** An array of the autodiff library. Passing one to a function gives it away: `x.ref` keeps a hold (its README, "Reference counting"). */
export type Tensor = np.Array;
/** Tensors by name. */
export type Tensors = Record<string, Tensor>;

export const BACKENDS = ["wasm", "webgpu", "auto"] as const;
/** Where the library computes: one thread of WebAssembly, or a GPU. `auto`: a GPU where one answers. */
export type BackendChoice = (typeof BACKENDS)[number];
export type Backend = Exclude<BackendChoice, "auto">;

/** `auto` takes WebAssembly when no GPU has answered by then: the library waits for one forever. */
const GPU_ANSWERS_MS = 5000;

const starts = new Map<Backend, Promise<boolean>>();

/**
 * Starts a backend of the library and makes it the one that computes from now on.
 * @returns which one it is
 * @throws LimitError where it does not run.
 */
export async function startAutodiff(choice: BackendChoice = "wasm"): Promise<Backend> {
  const backend = choice === "auto" ? ((await hasGpu()) ? "webgpu" : "wasm") : choice;
  if (backend === "webgpu" && !offersGpu())
    throw new LimitError("this runtime offers no WebGPU (navigator.gpu); Deno and browsers do", { field: "backend" });
  if (!(await started(backend))) {
    throw new LimitError(
      backend === "wasm"
        ? "@jax-js/jax cannot use WebAssembly here, so nothing can be trained"
        : "no GPU answers to WebGPU here; use the backend wasm",
      { field: "backend" },
    );
  }
  defaultDevice(backend);
  return backend;
}

/** The backend that computes. */
export function currentBackend(): Backend {
  return defaultDevice() as Backend;
}

/** Asks for a backend once, by name: asking for all would wait for a GPU. */
function started(backend: Backend): Promise<boolean> {
  const running =
    starts.get(backend) ??
    init(backend).then(
      (devices) => devices.includes(backend),
      () => false,
    );
  starts.set(backend, running);
  return running;
}

async function hasGpu(): Promise<boolean> {
  if (!offersGpu()) return false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), GPU_ANSWERS_MS)));
  return Promise.race([started("webgpu"), late]).finally(() => clearTimeout(timer));
}

function offersGpu(): boolean {
  return (globalThis.navigator as { readonly gpu?: unknown } | undefined)?.gpu !== undefined;
}

/** An f32 tensor of the given shape. */
export function tensor(data: Float32Array, shape: readonly number[]): Tensor {
  return np.array(data as Float32Array<ArrayBuffer>).reshape([...shape]);
}

/** An i32 tensor of the given shape. */
export function intTensor(data: Int32Array, shape: readonly number[]): Tensor {
  return np.array(data as Int32Array<ArrayBuffer>, { dtype: np.int32 }).reshape([...shape]);
}
