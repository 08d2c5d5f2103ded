import { UsageError } from "../../src/errors.ts";
import type { GenerationResult, Piece } from "../../src/decode/generation.ts";

/** Takes what a generation says. */
export interface RemoteSink<R extends GenerationResult = GenerationResult> {
  pieces(pieces: readonly Piece[]): void;
  done(result: R): void;
  failed(error: Error): void;
}

/** How a generation reaches its worker. */
export interface RemoteRun<R extends GenerationResult = GenerationResult> {
  start(sink: RemoteSink<R>): void;
  cancel(): void;
}

/**
 * A generation that runs in a worker, with the manners of `Generation`: iterate it (once) for the pieces, ask `result()` for
 * the end. Nothing is computed before; leaving the loop early cancels it.
 */
export class RemoteGeneration<R extends GenerationResult = GenerationResult> implements AsyncIterable<Piece> {
  readonly #run: RemoteRun<R>;
  readonly #settled: Promise<R>;
  #resolve!: (result: R) => void;
  #reject!: (error: unknown) => void;
  #queue: Piece[] = [];
  #wake: () => void = () => {};
  #ended = false;
  #taken = false;

  constructor(run: RemoteRun<R>) {
    this.#run = run;
    this.#settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#settled.catch(() => undefined);
  }

  /** @throws UsageError when it is iterated already. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Piece, void, void> {
    if (this.#taken) throw new UsageError("a generation can be iterated only once; call generate() again");
    this.#taken = true;
    this.#start();
    try {
      for (;;) {
        const pieces = this.#queue;
        this.#queue = [];
        yield* pieces;
        if (this.#queue.length > 0) continue;
        if (this.#ended) break;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      await this.#settled;
    } finally {
      if (!this.#ended) this.#run.cancel();
    }
  }

  /** The result, once all pieces are there. Reads them itself when nobody iterates; after an early leave it says "aborted". */
  async result(): Promise<R> {
    if (!this.#taken) for await (const _piece of this);
    return this.#settled;
  }

  #start(): void {
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    this.#run.start({
      pieces: (pieces) => {
        this.#queue.push(...pieces);
        this.#wake();
      },
      done: (result) => {
        this.#resolve(result);
        end();
      },
      failed: (error) => {
        this.#reject(error);
        end();
      },
    });
  }
}
