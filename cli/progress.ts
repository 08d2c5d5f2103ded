import type { Io } from "./io.ts";

/** Nothing is shown before this, so short work stays quiet. */
const QUIET_MS = 1000;
const REDRAW_MS = 100;
const LINE_MS = 10_000;

/** Progress on stderr: one redrawn line on a terminal, a plain line now and then elsewhere. */
export class Progress {
  readonly #io: Io;
  readonly #label: string;
  readonly #start = performance.now();
  #next = QUIET_MS;
  #drawn = false;

  constructor(io: Io, label: string) {
    this.#io = io;
    this.#label = label;
  }

  update(done: number, total: number): void {
    const elapsed = performance.now() - this.#start;
    if (elapsed < this.#next || total <= 0) return;
    const line = `${this.#label}: ${Math.floor((100 * done) / total)} %`;
    if (this.#io.stderrIsTty) {
      this.#io.err(`\r\u001b[K${line}`);
      this.#drawn = true;
      this.#next = elapsed + REDRAW_MS;
    } else {
      this.#io.err(`${line}\n`);
      this.#next = elapsed + LINE_MS;
    }
  }

  /** Clears a redrawn line. */
  end(): void {
    if (this.#drawn) this.#io.err("\r\u001b[K");
    this.#drawn = false;
  }
}

/** Runs work that reports progress; an interrupt ends it at the next report. */
export async function withProgress<T>(
  context: { readonly io: Io; readonly signal: AbortSignal },
  label: string,
  quiet: boolean,
  work: (report: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  const progress = quiet ? undefined : new Progress(context.io, label);
  try {
    return await work((done, total) => {
      context.signal.throwIfAborted();
      progress?.update(done, total);
    });
  } finally {
    progress?.end();
  }
}
