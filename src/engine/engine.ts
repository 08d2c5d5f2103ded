import { DESCRIPTOR_VERSION } from "../../core/layout/model.ts";
import { BlockFFNError, ThreadError } from "../errors.ts";
import type { Host, Tier } from "../host.ts";
import type { EngineExports } from "./exports.ts";
import { engineImports } from "./imports.ts";
import { growMemory, isOutOfMemory, newMemory, outOfMemory } from "./memory.ts";
import { Team } from "./team.ts";

/** Ends the workers of engines that nobody has disposed and nobody holds any more. */
const forgotten = typeof FinalizationRegistry === "undefined" ? undefined : new FinalizationRegistry<Team>((team) => team.dispose());

export interface EngineOptions {
  /** Threads, the caller's included; more than 1 need a host that has them. */
  readonly threads?: number;
  /** The model's name, for errors. */
  readonly name?: string;
  readonly wait?: boolean;
  /** From `newMemory(threads)`. */
  readonly memory?: WebAssembly.Memory;
}

/**
 * An engine instance and its linear memory. Views of it die when memory grows, so nobody keeps one: they are asked for where they are read
 * or written, after whatever may allocate (`reserve`, `Arena.allocate`, new sequences), and what leaves src/engine/ is a copy. Lint keeps
 * views out of fields; `MemoryOptions.restless` finds those that outlive a call.
 */
export class Engine {
  readonly exports: EngineExports;
  readonly memory: WebAssembly.Memory;
  /** The engine's threads; undefined when it has only the caller's. */
  readonly team: Team | undefined;
  readonly #name: string;

  private constructor(exports: EngineExports, memory: WebAssembly.Memory, threads: number, name: string) {
    this.exports = exports;
    this.memory = memory;
    this.team = threads > 1 ? new Team(exports, memory, threads, name) : undefined;
    this.#name = name;
  }

  /** Instantiates a compiled engine for one thread over `memory`; `name` is the model's, for errors. */
  static async create(module: WebAssembly.Module, name = "engine", memory = newMemory(1)): Promise<Engine> {
    return Engine.#create(module, 1, name, memory);
  }

  /**
   * An engine of a tier. Its workers start meanwhile, calls run on the caller alone until they have; with `wait`, they have begun when it
   * resolves. @throws ThreadError when they cannot be started, with `wait` or over a given memory; else it is then an engine of one thread.
   */
  static async start(host: Host, tier: Tier, { threads = 1, name = "engine", wait = true, memory }: EngineOptions = {}): Promise<Engine> {
    const alone = async (): Promise<Engine> =>
      Engine.create(await host.engine(tier), name, (threads === 1 ? memory : undefined) ?? newMemory(1, host.memory));
    if (threads === 1 || host.threads === undefined) return alone();
    try {
      const module = await host.engine(tier, true);
      const engine = await Engine.#create(module, threads, name, memory ?? newMemory(threads, host.memory));
      const team = engine.team as Team;
      forgotten?.register(engine, team);
      const begun = host.threads
        .start(module, engine.memory, threads - 1, (reason) => team.fail(reason))
        .then((workers) => team.begin(workers));
      if (wait) await begun;
      else begun.catch((reason: unknown) => team.giveUp(reason));
      return engine;
    } catch (cause) {
      if (!wait && memory === undefined) return alone();
      const why = cause instanceof Error ? ` (${cause.message})` : "";
      throw new ThreadError(`${threads} threads could not be started${why}; ask for fewer`, { file: name, field: "threads", cause });
    }
  }

  static async #create(module: WebAssembly.Module, threads: number, name: string, memory: WebAssembly.Memory): Promise<Engine> {
    const instance = await WebAssembly.instantiate(module, engineImports(memory)).catch((cause: unknown) => {
      throw isOutOfMemory(cause) ? outOfMemory("the engine", cause) : cause;
    });
    const exports = instance.exports as unknown as EngineExports;
    if (exports.layoutVersion() !== DESCRIPTOR_VERSION) {
      throw new BlockFFNError(
        `the engine was built for layout ${exports.layoutVersion()}, this host for ${DESCRIPTOR_VERSION}: run npm run build`,
      );
    }
    return new Engine(exports, memory, threads, name);
  }

  /** Threads that its calls may run on. */
  get threads(): number {
    return this.team === undefined || this.team.lost ? 1 : this.team.threads;
  }

  /**
   * Runs a call of `exports` that all threads share (forward, eagleForward, ffnBranch), on `rows` rows.
   * @throws ThreadError when one fails.
   */
  run(rows: number, call: () => void): void {
    if (this.team === undefined) call();
    else this.team.run(rows, call);
  }

  /** Ends its threads; it is not to be called again. */
  dispose(): void {
    this.team?.dispose();
  }

  /**
   * Grows memory so that addresses below `end` exist.
   * @throws MemoryError beyond 4 GiB, or when the runtime refuses.
   */
  reserve(end: number, what: string): void {
    growMemory(this.memory, end, what, this.#name);
  }

  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, length);
  }

  f32(at: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, length);
  }

  u32(at: number, length: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, at, length);
  }

  u64(at: number, length: number): BigUint64Array {
    return new BigUint64Array(this.memory.buffer, at, length);
  }

  /** All of memory, for fields of descriptors. */
  view(): DataView {
    return new DataView(this.memory.buffer);
  }
}
