import { ApiError, retryAfter, RETRY_SECONDS } from "./errors.ts";

/** Bounds of the wait that Retry-After suggests, in seconds. */
const RETRY = { least: 1, most: 60 } as const;
/** A new duration moves the mean by this share of the difference. */
const STEP = 0.2;

interface Waiting {
  readonly grant: () => void;
  readonly refuse: (error: unknown) => void;
}

/** Gives a slot back; more calls than one do nothing. */
export type Release = () => void;

/** Places for requests that run at once, and a bounded queue before them, first come first served. */
export class Slots {
  readonly #concurrency: number;
  readonly #limit: number;
  readonly #queue: Waiting[] = [];
  readonly #idle = new Set<() => void>();
  #active = 0;
  #closed = false;
  /** Mean seconds that a slot is held. */
  #seconds = 1;

  /** @param limit requests that may wait */
  constructor(concurrency: number, limit: number) {
    this.#concurrency = concurrency;
    this.#limit = limit;
  }

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Waits for a slot.
   * @param signal leaves the queue when aborted; the promise is then rejected with its reason
   * @throws ApiError 429 with Retry-After when the queue is full, 503 when closed.
   */
  async acquire(signal: AbortSignal): Promise<Release> {
    signal.throwIfAborted();
    if (this.#closed) throw closing();
    if (this.#active < this.#concurrency) {
      this.#active++;
    } else {
      if (this.#queue.length >= this.#limit) throw this.#full();
      await this.#wait(signal);
    }
    const release = this.#release();
    if (signal.aborted) {
      release();
      signal.throwIfAborted();
    }
    return release;
  }

  /** Refuses whoever waits or comes. Resolves when no slot is held any more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { refuse } of this.#queue.splice(0)) refuse(closing());
    if (this.#active > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  async #wait(signal: AbortSignal): Promise<void> {
    let leave: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const waiting: Waiting = { grant: resolve, refuse: reject };
        leave = () => {
          const at = this.#queue.indexOf(waiting);
          // Granted in the same turn: `acquire` gives the slot back.
          if (at < 0) return;
          this.#queue.splice(at, 1);
          reject(signal.reason as Error);
        };
        this.#queue.push(waiting);
        signal.addEventListener("abort", leave, { once: true });
      });
    } finally {
      if (leave !== undefined) signal.removeEventListener("abort", leave);
    }
  }

  #release(): Release {
    const start = performance.now();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#seconds += STEP * ((performance.now() - start) / 1000 - this.#seconds);
      const next = this.#queue.shift();
      // The slot goes on to the next one: nobody can slip in between.
      if (next !== undefined) {
        next.grant();
        return;
      }
      this.#active--;
      if (this.#active > 0) return;
      for (const resolve of this.#idle) resolve();
      this.#idle.clear();
    };
  }

  #full(): ApiError {
    const seconds = Math.ceil((this.#seconds * (this.#queue.length + 1)) / this.#concurrency);
    const retry = Math.min(RETRY.most, Math.max(RETRY.least, seconds));
    return new ApiError(
      429,
      "rate_limit_error",
      `${this.#active} requests are running and ${this.#queue.length} waiting, which is the limit; try again in ${retry} s`,
      { code: "queue_full", headers: retryAfter(retry) },
    );
  }
}

function closing(): ApiError {
  return new ApiError(503, "server_error", "the server is shutting down", { code: "shutting_down", headers: retryAfter(RETRY_SECONDS) });
}
