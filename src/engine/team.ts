import { TEAM_PATIENCE, TEAM_SIZE } from "../../core/layout/team.ts";
import { ThreadError } from "../errors.ts";
import type { Workers } from "../host.ts";
import type { EngineExports } from "./exports.ts";
import { TeamGuard } from "./team-guard.ts";

/** A phase of a pass takes milliseconds; who has not come by then will not. */
const PATIENCE_MS = 30_000;

/** The threads of an engine, the calling one included: runs its calls on all of them, or alone where that is faster. */
export class Team {
  readonly threads: number;
  /** Use all threads for every call, without measuring whether they help: for tests and benches. */
  always = false;
  readonly #exports: EngineExports;
  readonly #words: Int32Array;
  readonly #name: string;
  readonly #guard = new TeamGuard();
  #workers: Workers | undefined;
  #failure: unknown;
  /** Why the workers cannot be had: what kept them from starting, or ended one before all had begun. */
  #lost: unknown;
  #ended = false;

  /** @param name the model's, for errors. */
  constructor(exports: EngineExports, memory: WebAssembly.Memory, threads: number, name: string) {
    this.threads = threads;
    this.#exports = exports;
    this.#name = name;
    // The one view that is kept: memory of threads is shared, and what is shared is not detached when it grows.
    this.#words = new Int32Array(memory.buffer, exports.team(), TEAM_PATIENCE / 4 + 1);
    this.patience = PATIENCE_MS;
  }

  /**
   * Takes over the workers: they have begun.
   * @throws what one of them failed with meanwhile: the others end, and calls stay with the caller.
   */
  begin(workers: Workers): void {
    if (this.#ended || this.#lost !== undefined) workers.terminate();
    if (this.#lost !== undefined) throw this.#lost;
    this.#workers = workers;
  }

  /** Whether the workers could not be started, so that all calls are the caller's. */
  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** The workers could not be started. */
  giveUp(reason: unknown): void {
    this.#lost ??= reason ?? new Error("the workers could not be started");
  }

  /** Milliseconds that a thread waits for the others before it calls them lost. */
  set patience(ms: number) {
    this.#words[TEAM_PATIENCE / 4] = ms;
  }

  /** Runs an engine call that computes `rows` rows. @throws ThreadError when a thread fails, and ever after. */
  run(rows: number, call: () => void): void {
    if (this.#failure !== undefined) throw this.#error();
    const ready = this.#workers !== undefined;
    const together = ready && (this.always || this.#guard.together(rows));
    this.#words[TEAM_SIZE / 4] = together ? this.threads : 1;
    const start = performance.now();
    try {
      call();
    } catch (cause) {
      this.fail(cause);
      this.#failure ??= cause ?? "unknown";
      throw this.#error();
    }
    if (ready && !this.always) this.#guard.record(rows, together, performance.now() - start);
  }

  /** Gives the team up: `reason` is what happened to one of its threads. Before they have begun, nothing is lost. */
  fail(reason: unknown): void {
    if (this.#ended) return;
    if (this.#workers === undefined) {
      this.#lost ??= reason ?? new Error("a worker thread ended");
      return;
    }
    this.#ended = true;
    this.#failure = reason ?? "unknown";
    this.#exports.fail();
    this.#workers?.terminate();
  }

  /** Ends the workers. Later calls would have no one to wait for: the engine is not to be called again. */
  dispose(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#exports.stop();
  }

  #error(): ThreadError {
    const what = this.#failure instanceof Error ? this.#failure.message : String(this.#failure);
    return new ThreadError(`a thread of the engine failed (${what}); load the model again, if need be with threads: 1`, {
      file: this.#name,
      cause: this.#failure,
    });
  }
}
