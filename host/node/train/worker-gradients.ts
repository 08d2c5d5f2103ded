import { Worker } from "node:worker_threads";
import { TrainingError, UsageError } from "../../../src/errors.ts";
import type { BackendChoice } from "../../../train/autodiff/jax.ts";
import { ParameterTable } from "../../../train/model/parameters.ts";
import { localGradients, type GradientSource, type ModelTask, type PassOutput } from "../../../train/run/gradient-source.ts";
import { PACKAGE_ROOT } from "../../package-root.ts";
import type { FromWorker, WorkerStart } from "./gradient-worker.ts";
import { ensureNavigator } from "./navigator.ts";

/**
 * Gradients from a number of worker threads, one pass each at a time; weights and gradients lie in shared memory.
 * With one worker the caller's thread computes, on the backend asked for; more are threads of WebAssembly.
 * @throws UsageError for several workers on a GPU; LimitError where the backend does not run.
 */
export async function workerGradients(task: ModelTask, workers: number, backend: BackendChoice = "wasm"): Promise<GradientSource> {
  ensureNavigator();
  if (workers === 1) return localGradients(task, backend);
  if (backend === "webgpu")
    throw new UsageError(`are ${workers} threads of WebAssembly; with the backend webgpu there is 1`, { field: "workers", limit: 1 });
  const bytes = ParameterTable.of(task.config).length * Float32Array.BYTES_PER_ELEMENT;
  const weights = new SharedArrayBuffer(bytes);
  const lanes = Array.from({ length: workers }, () => new Lane({ task, weights, gradients: new SharedArrayBuffer(bytes) }));
  const dispose = async (): Promise<void> => {
    await Promise.all(lanes.map((lane) => lane.end()));
  };
  try {
    await Promise.all(lanes.map((lane) => lane.answer()));
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    lanes: workers,
    weights: new Float32Array(weights),
    compute: async (i, input) => {
      const lane = lanes[i] as Lane;
      const answer = lane.answer();
      lane.worker.postMessage(input);
      return { stats: (await answer).stats, gradients: lane.gradients } satisfies PassOutput;
    },
    dispose,
  };
}

class Lane {
  readonly worker: Worker;
  readonly gradients: Float32Array;
  #waiting: { readonly resolve: (message: FromWorker) => void; readonly reject: (error: Error) => void } | undefined;
  #failure: TrainingError | undefined;

  constructor(start: WorkerStart) {
    this.gradients = new Float32Array(start.gradients);
    this.worker = new Worker(new URL("dist/lib/gradient-worker.js", PACKAGE_ROOT), { workerData: start });
    this.worker.on("message", (message: FromWorker) => {
      this.#waiting?.resolve(message);
      this.#waiting = undefined;
    });
    // Kept while nobody waits: a worker may end between two passes.
    this.worker.on("error", (cause) => this.#fail(new TrainingError(`a training worker failed: ${cause.message}`, { cause })));
    this.worker.on("exit", (code) =>
      this.#fail(new TrainingError(`a training worker ended with code ${code}; with less memory, use fewer workers or batch.rowsPerPass`)),
    );
  }

  /** The next message. @throws TrainingError when the worker ends, or has ended. */
  answer(): Promise<FromWorker> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }

  #fail(error: TrainingError): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }
}
