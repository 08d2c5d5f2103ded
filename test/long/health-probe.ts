import { Agent, get } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

/** Milliseconds from an answer to the next question. */
const EVERY_MS = 10;

/** Asks a server for its health again and again. @returns how long each answer took, in milliseconds; a failed one took for ever */
async function probe(port: number, began: () => void, stopped: () => boolean): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  while (!stopped()) {
    const start = performance.now();
    const ok = await new Promise<boolean>((resolve) => {
      get({ host: "127.0.0.1", port, path: "/healthz", agent }, (response) => {
        response.resume().once("end", () => resolve(response.statusCode === 200));
      }).once("error", () => resolve(false));
    });
    if (times.length === 0) began();
    times.push(ok ? performance.now() - start : Infinity);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  agent.destroy();
  return times;
}

// A thread of its own: what other clients do here takes none of its time. It says when it has begun, and the times when it is told to stop.
let stopped = false;
parentPort?.once("message", () => (stopped = true));
parentPort?.postMessage(
  await probe(
    (workerData as { readonly port: number }).port,
    () => parentPort?.postMessage("began"),
    () => stopped,
  ),
);
