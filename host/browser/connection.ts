import { BlockFFNError, UsageError } from "../../src/errors.ts";
import { unpackError, type Answer, type Request } from "./protocol.ts";

/** Who waits for the answers to a request. */
interface Pending {
  answer(answer: Answer): void;
  failed(error: Error): void;
}

/** Posts requests to a worker and gives answers to who asked. */
export class Connection {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #closed: Error | undefined;
  #next = 0;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const pending = this.#pending.get(data.id);
      if (data.type === "done" || data.type === "error") this.#pending.delete(data.id);
      if (data.type === "error") pending?.failed(unpackError(data.error));
      else pending?.answer(data);
    };
    worker.onerror = (event) => this.close(new BlockFFNError(`the worker failed: ${event.message || "its script cannot be loaded"}`));
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  ask(pending: Pending, request: (id: number) => Request): number {
    const id = this.#next++;
    if (this.#closed !== undefined) {
      pending.failed(this.#closed);
      return id;
    }
    this.#pending.set(id, pending);
    try {
      this.post(request(id));
    } catch (cause) {
      this.#pending.delete(id);
      pending.failed(cause instanceof BlockFFNError ? cause : new UsageError("an option cannot be sent to a worker", { cause }));
    }
    return id;
  }

  /** A question with one answer. */
  value<T>(request: (id: number) => Request, progress?: (done: number, total: number) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.ask(
        {
          answer: (answer) =>
            answer.type === "done" ? resolve(answer.value as T) : answer.type === "progress" && progress?.(answer.done, answer.total),
          failed: reject,
        },
        request,
      );
    });
  }

  post(request: Request): void {
    if (this.#closed === undefined) this.#worker.postMessage(request);
  }

  /** Stops the worker; whatever is under way fails with `error`. */
  close(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.#worker.terminate();
    for (const pending of this.#pending.values()) pending.failed(error);
    this.#pending.clear();
  }
}
