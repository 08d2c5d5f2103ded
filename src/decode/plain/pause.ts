/** Work between two pauses: one frame of a 60 Hz screen. */
const SLICE_MS = 16;
/** Pauses also come after this many steps, for runtimes whose clock stands still while code runs. */
const SLICE_STEPS = 64;

/** Lets other tasks of the event loop (input, timers, abort signals) run once. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof MessageChannel === "undefined") {
      setTimeout(resolve, 0);
      return;
    }
    // Not setTimeout: its shortest wait, 1 to 4 ms, would be a tenth of the work.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

/** Breaks long work into slices, so that it never holds the event loop for much more than a frame. */
export class Pacer {
  readonly #nextTask: () => Promise<void>;
  #since = performance.now();
  #steps = 0;

  /** @param pause how the host lets other tasks run */
  constructor(pause: () => Promise<void> = nextTask) {
    this.#nextTask = pause;
  }

  /** True when it is time to await `pause()`; call it once a step. */
  get due(): boolean {
    this.#steps++;
    return this.#steps >= SLICE_STEPS || performance.now() - this.#since >= SLICE_MS;
  }

  async pause(): Promise<void> {
    await this.#nextTask();
    this.#steps = 0;
    this.#since = performance.now();
  }
}
