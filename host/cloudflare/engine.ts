import type { Tier } from "../../src/host.ts";
import { UsageError } from "../../src/errors.ts";
// Workers compile nothing from bytes: the module comes with the bundle. The path is that from dist/host/cloudflare; scripts/build-lib.mjs
// puts its own in.
import simd from "../../engine/engine.simd.wasm";

/** The engine of the `simd` tier, which every Workers runtime runs. @throws UsageError for other tiers: they are not in the bundle. */
export async function workersEngine(tier: Tier): Promise<WebAssembly.Module> {
  if (tier !== "simd") throw new UsageError("is not part of the Workers bundle; use simd", { field: "tier", limit: "simd" });
  return simd;
}
