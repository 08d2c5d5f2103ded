import { nextTask } from "../pause.ts";

/** Work between two pauses, in milliseconds. */
const SLICE_MS = 10;
/** Pauses also come after this many steps, for runtimes whose clock stands still while code runs. */
const SLICE_STEPS = 32;

/** How work that is done in steps lets others run, and ends early. */
export interface Paced {
  /** Ends the work: its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Lets other tasks run; default: one turn of the event loop. */
  readonly pause?: () => Promise<void>;
}

/** Runs a generator to its end; between its steps other tasks may run, every 10 ms. */
export async function paced<T>(steps: Generator<void, T, void>, { signal, pause = nextTask }: Paced): Promise<T> {
  let since = performance.now();
  for (let count = 1; ; count++) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (count < SLICE_STEPS && performance.now() - since < SLICE_MS) continue;
    await pause();
    signal?.throwIfAborted();
    since = performance.now();
    count = 0;
  }
}
