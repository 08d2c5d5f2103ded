import type { ModelFiles, OpenOptions } from "./format/source.ts";
import type { OptionNames } from "./options.ts";

/** Kernel tiers: the readable oracle; deterministic SIMD; relaxed SIMD, faster, whose last bits may differ between machines. */
export type Tier = "scalar" | "simd" | "relaxed";
export const TIERS: readonly Tier[] = ["scalar", "simd", "relaxed"];

/** How the linear memory of engines is made. */
export interface MemoryOptions {
  /** Most pages (64 KiB each) that one may grow to; default: all that wasm32 addresses. */
  readonly maximumPages?: number;
  /** For tests: memory grows at every call that may need more, so a view that outlives such a call is found at once. */
  readonly restless?: boolean;
}

/** All that the portable core asks of a runtime. Each folder in host/ implements it. */
export interface Host {
  /** Tiers that this host carries; default: all. */
  readonly tiers?: readonly Tier[];
  /**
   * The compiled engine of a tier; with `threads`, the one for shared memory, which is asked for only where `Host.threads` is there.
   * Loading asks for it at its start, so that it gets ready meanwhile, and again when it needs it: it is to be kept.
   */
  engine(tier: Tier, threads?: boolean): Promise<WebAssembly.Module>;
  /** Opens a model by path or URL; on Node and Deno, by name or place of the hub, too. */
  open(location: string, options?: OpenOptions): Promise<ModelFiles>;
  /** Milliseconds from any fixed point, monotonic. */
  now(): number;
  /** Time stands still while code runs, so nothing can be measured: `auto` does not speculate then. */
  readonly frozenClock?: boolean;
  /**
   * Lets other tasks of the event loop (input, timers, abort signals) run once; default: a message to itself, for one work that pauses
   * after the other.
   */
  pause?(): Promise<void>;
  /** Threads beside the calling one; absent where the runtime has none, or none that may share memory. */
  readonly threads?: Threads;
  /** Where there are no threads: why, and what to do. */
  readonly threadless?: string;
  readonly memory?: MemoryOptions;
}

/** How a runtime gives threads. The calling thread must be one that may wait: in browsers a Web Worker, not the page's own. */
export interface Threads {
  /** Physical cores that this process may use. */
  readonly cores: number;
  /**
   * Starts workers that each run `serve` of src/engine/thread.ts, with index 1..count; resolves when all have begun. They must not keep
   * the process alive. `onFailure` is called when one ends otherwise than by being told to.
   */
  start(module: WebAssembly.Module, memory: WebAssembly.Memory, count: number, onFailure: (reason: unknown) => void): Promise<Workers>;
}

/** Workers of one engine. They end by themselves when the engine's `stop` tells them to. */
export interface Workers {
  /** Ends them at once, whatever they are at. */
  terminate(): void;
}

/** Where a server listens. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly limits?: ConnectionLimits;
}

/** What clients may hold open. */
export interface ConnectionLimits {
  /** Connections at once; one more is closed unanswered. Default 512. */
  readonly connections?: number;
  /** Milliseconds for the headers of a request; default 15 000. */
  readonly headersMs?: number;
  /** Milliseconds for a whole request, its body included; default 60 000. */
  readonly requestMs?: number;
  /** Milliseconds that an answer may wait, complete, for its client to read it; default 30 000. */
  readonly unreadMs?: number;
}

/** Names of `ListenOptions` and `ConnectionLimits`. */
export const LISTEN_OPTIONS = { hostname: true, port: true, limits: true } satisfies OptionNames<ListenOptions>;
export const CONNECTION_LIMITS = {
  connections: true,
  headersMs: true,
  requestMs: true,
  unreadMs: true,
} satisfies OptionNames<ConnectionLimits>;

/** A server that listens. */
export interface Listening {
  readonly hostname: string;
  readonly port: number;
  /** Takes no more connections; resolves when answers that are under way are handed over. */
  close(): Promise<void>;
}

/** Listens for HTTP requests. @throws AddressError saying what to do when the address cannot be had. */
export type Listen = (fetch: (request: Request) => Promise<Response>, options: ListenOptions) => Promise<Listening>;
