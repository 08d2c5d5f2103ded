import type { Workers } from "../host.ts";

/** Milliseconds that workers may take to begin: their script is fetched and the engine instantiated meanwhile. */
const BEGIN_MS = 30_000;

/** A worker on its way. */
export interface Starting {
  /** Resolves when it has begun; rejects when it cannot. */
  readonly begun: Promise<void>;
  terminate(): void;
}

/**
 * Starts workers 1..count by `start`; resolves when all have begun.
 * @param patience milliseconds until those that have not are given up
 * @throws what `start` throws or a worker's `begun` rejects with; no worker is left then.
 */
export async function startWorkers(count: number, start: (index: number) => Starting, patience = BEGIN_MS): Promise<Workers> {
  const workers: Starting[] = [];
  const terminate = (): void => {
    for (const worker of workers) worker.terminate();
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a worker did not begin within ${patience / 1000} s`)), patience);
  });
  try {
    for (let index = 1; index <= count; index++) {
      const worker = start(index);
      // One that fails after another did is not news.
      worker.begun.catch(() => {});
      workers.push(worker);
    }
    await Promise.race([Promise.all(workers.map(({ begun }) => begun)), late]);
  } catch (error) {
    terminate();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { terminate };
}
