import type { ModelFiles } from "./format/source.ts";

/** Kernel tiers: the readable oracle and deterministic SIMD. */
export type Tier = "scalar" | "simd";

/** All that the portable core asks of a runtime. Each folder in host/ implements it. */
export interface Host {
  /** The compiled engine of a tier. */
  engine(tier: Tier): Promise<WebAssembly.Module>;
  /** Opens a model by path or URL. */
  open(location: string): Promise<ModelFiles>;
  /** Milliseconds from any fixed point, monotonic. */
  now(): number;
  /** Lets other tasks of the event loop (input, timers, abort signals) run once; default: a message to itself. */
  pause?(): Promise<void>;
}

/** Where a server listens. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 for any that is free. */
  readonly port: number;
}

/** A server that listens. */
export interface Listening {
  readonly hostname: string;
  readonly port: number;
  /** Takes no more connections; resolves when answers that are under way are handed over. */
  close(): Promise<void>;
}

/** Listens for HTTP requests. @throws AddressError saying what to do when the address cannot be had. */
export type Listen = (fetch: (request: Request) => Promise<Response>, options: ListenOptions) => Promise<Listening>;
