import { parentPort, workerData } from "node:worker_threads";
import { serve, type WorkerStart } from "../../src/engine/thread.ts";

serve(workerData as WorkerStart, () => parentPort?.postMessage("ready"));
