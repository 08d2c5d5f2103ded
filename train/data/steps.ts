import { Pacer } from "../../src/pause.ts";

/** Long work that tells after each part how far it has come. */
export type Steps<T> = Generator<readonly [done: number, total: number], T, void>;

/** Does the work at once. */
export function runSteps<T>(steps: Steps<T>, onProgress?: (done: number, total: number) => void): T {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    onProgress?.(...next.value);
  }
}

/**
 * Does the work in slices, so that interrupts get in.
 * @param pause how the host lets other tasks run
 * @throws the signal's reason when it is aborted.
 */
export async function paceSteps<T>(
  steps: Steps<T>,
  {
    signal,
    onProgress,
    pause,
  }: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((done: number, total: number) => void) | undefined;
    readonly pause?: (() => Promise<void>) | undefined;
  },
): Promise<T> {
  const pacer = new Pacer(pause);
  for (;;) {
    signal?.throwIfAborted();
    const next = steps.next();
    if (next.done === true) return next.value;
    onProgress?.(...next.value);
    if (pacer.due) await pacer.pause();
  }
}
