import type { Threads } from "../../src/host.ts";
import { startWorkers } from "../../src/engine/start-threads.ts";
import type { WorkerStart } from "../../src/engine/thread.ts";
import { likelyCores } from "../web/cores.ts";

declare const DedicatedWorkerGlobalScope: (new () => object) | undefined;

/** Why there are no threads here, and what to do; undefined where there are: in a worker of a page that is cross-origin isolated. */
export function threadless(): string | undefined {
  if (globalThis.crossOriginIsolated !== true) {
    return (
      "more than 1 needs a page that is cross-origin isolated: serve it and its scripts with the headers " +
      "Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp"
    );
  }
  // Isolation is not all: some browsers and embedded views keep shared memory switched off.
  if (typeof SharedArrayBuffer === "undefined")
    return (
      "more than 1 needs SharedArrayBuffer, which this browser does not have although the page is cross-origin isolated: " +
      "use another browser, or switch it on where it is switched off"
    );
  // The page's own thread, and that of a service worker, may not be put to sleep.
  if (typeof DedicatedWorkerGlobalScope === "undefined" || !(globalThis instanceof DedicatedWorkerGlobalScope))
    return "more than 1 needs a thread that may wait for others: use loadModelInWorker";
  return typeof Worker === "undefined" ? "more than 1 needs a browser whose workers can start workers" : undefined;
}

/** Threads of a browser: Web Workers that the model's own worker starts. */
export const browserThreads: Threads = {
  get cores() {
    return likelyCores();
  },
  start: (module, memory, count, onFailure) =>
    startWorkers(count, (index) => {
      const start: WorkerStart = { module, memory, index };
      const worker = new Worker(new URL("./thread.js", import.meta.url), { type: "module", name: `blockffn ${index}` });
      const begun = new Promise<void>((resolve, reject) => {
        worker.onmessage = () => resolve();
        worker.onerror = (event) => {
          event.preventDefault();
          const error = new Error(
            event.message || `the script of a thread cannot be loaded: serve thread.js beside blockffn's script, with the same headers`,
          );
          reject(error);
          onFailure(error);
        };
      });
      worker.postMessage(start);
      return { begun, terminate: () => worker.terminate() };
    }),
};
