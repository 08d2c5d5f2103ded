import { Worker } from "node:worker_threads";
import type { Threads } from "../../src/host.ts";
import { startWorkers } from "../../src/engine/start-threads.ts";
import type { WorkerStart } from "../../src/engine/thread.ts";

/** They hold no JavaScript objects to speak of. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/**
 * Threads of node:worker_threads, which Deno has too: its own workers keep a process alive, and end late while they wait.
 * @param script worker.ts of this folder, as it was built
 */
export function workerThreads(script: URL, cores: () => number): Threads {
  return {
    get cores() {
      return cores();
    },
    start: (module, memory, count, onFailure) =>
      startWorkers(count, (index) => {
        const start: WorkerStart = { module, memory, index };
        const worker = new Worker(script, { workerData: start, execArgv: [], resourceLimits: LIMITS, name: `blockffn ${index}` });
        return { begun: begun(worker, onFailure), terminate: () => void worker.terminate() };
      }),
  };
}

/**
 * Resolves when the worker has begun; from then on it does not keep the process alive, and `onFailure` hears of its end unless it was told
 * to.
 */
function begun(worker: Worker, onFailure: (reason: unknown) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once("message", () => {
      worker.unref();
      resolve();
    });
    worker.once("error", (error) => {
      reject(error);
      onFailure(error);
    });
    worker.once("exit", (code) => {
      const error = new Error(`a worker thread ended with code ${code}`);
      reject(error);
      onFailure(error);
    });
  });
}
