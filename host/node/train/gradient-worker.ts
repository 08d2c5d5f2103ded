import { parentPort, workerData } from "node:worker_threads";
import { startAutodiff } from "../../../train/autodiff/jax.ts";
import type { PassInput } from "../../../train/model/gradients.ts";
import { compileTask, type ModelTask } from "../../../train/run/gradient-source.ts";
import { ensureNavigator } from "./navigator.ts";

/** What a worker is started with. */
export interface WorkerStart {
  readonly task: ModelTask;
  readonly weights: SharedArrayBuffer;
  readonly gradients: SharedArrayBuffer;
}

/** Its answers: an empty one when it is ready, then one for each pass. The gradients lie in shared memory. */
export interface FromWorker {
  readonly stats: Float32Array;
}

const { task, weights, gradients } = workerData as WorkerStart;
ensureNavigator();
await startAutodiff("wasm");
const { pass } = compileTask(task, new Float32Array(weights), new Float32Array(gradients));
parentPort?.on(
  "message",
  (input: PassInput) => void pass(input).then(({ stats }) => parentPort?.postMessage({ stats } satisfies FromWorker)),
);
parentPort?.postMessage({ stats: new Float32Array() } satisfies FromWorker);
