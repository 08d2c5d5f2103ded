import { parentPort, workerData } from "node:worker_threads";
import { serve, type WorkerStart } from "../../src/model/worker.ts";

serve(workerData as WorkerStart, () => parentPort?.postMessage("ready"));
