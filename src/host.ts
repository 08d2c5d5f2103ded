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
}
