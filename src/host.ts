import type { ModelFiles } from "./format/source.ts";

/** Kernel tiers: the readable oracle; deterministic SIMD; relaxed SIMD, faster, whose last bits may differ between machines. */
export type Tier = "scalar" | "simd" | "relaxed";
export const TIERS: readonly Tier[] = ["scalar", "simd", "relaxed"];

/** All that the portable core asks of a runtime. Each folder in host/ implements it. */
export interface Host {
  /** Tiers that this host carries; default: all. */
  readonly tiers?: readonly Tier[];
  /** The compiled engine of a tier. */
  engine(tier: Tier): Promise<WebAssembly.Module>;
  /** Opens a model by path or URL. */
  open(location: string): Promise<ModelFiles>;
  /** Milliseconds from any fixed point, monotonic. */
  now(): number;
}
