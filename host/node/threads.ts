import { Worker } from "node:worker_threads";
import type { Threads, Workers } from "../../src/host.ts";
import type { WorkerStart } from "../../src/model/worker.ts";
import { physicalCores } from "./cores.ts";
import { PACKAGE_ROOT } from "./package.ts";

/** Worker threads run JavaScript as it was built, like the engine. */
const SCRIPT = new URL("dist/host/node/worker.js", PACKAGE_ROOT);
/** They hold no JavaScript objects to speak of. */
const LIMITS = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/** Threads of Node's worker_threads. */
export const nodeThreads: Threads = {
  get cores() {
    return physicalCores();
  },

  async start(module, memory, count, onFailure): Promise<Workers> {
    const workers: Worker[] = [];
    const terminate = (): void => {
      for (const worker of workers) void worker.terminate();
    };
    try {
      await Promise.all(Array.from({ length: count }, (_, i) => {
        const start: WorkerStart = { module, memory, index: i + 1 };
        const worker = new Worker(SCRIPT, { workerData: start, execArgv: [], resourceLimits: LIMITS, name: `blockffn ${i + 1}` });
        workers.push(worker);
        return begun(worker, onFailure);
      }));
    } catch (error) {
      terminate();
      throw error;
    }
    return { terminate };
  },
};

/** Resolves when the worker has begun; from then on it does not keep the process alive, and `onFailure` hears of its end unless it was told to. */
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
