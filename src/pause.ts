/** Work between two pauses: one frame of a 60 Hz screen. */
const SLICE_MS = 16;
/** Pauses also come after this many steps, for runtimes whose clock stands still while code runs. */
const SLICE_STEPS = 64;

/** Lets other tasks of the event loop (input, timers, abort signals) run once. */
export function ownTask(): Promise<void> {
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

/**
 * The same for works that go on beside each other: those that pause go on one by one, first come first served, with a turn of the event
 * loop before each. By themselves all of them would go on in one turn, and whoever comes from outside would wait for a slice of each.
 */
export function inTurns(task: () => Promise<void>): () => Promise<void> {
  const waiting: (() => void)[] = [];
  let running = false;
  const run = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) {
      await task();
      waiting.shift()?.();
    }
    running = false;
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (!running) void run();
    });
}

/** What pauses where a host brings nothing of its own. */
export const nextTask = inTurns(ownTask);

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
