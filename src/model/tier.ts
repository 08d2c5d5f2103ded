import type { Tier } from "../host.ts";

// (module (func (result v128) i32.const 0 i8x16.splat)): validates only where SIMD is there.
const SIMD_PROBE = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11]);

/** The fastest tier that gives the same tokens everywhere: `simd` where the runtime validates it, else `scalar`. */
export function bestTier(): Tier {
  return WebAssembly.validate(SIMD_PROBE) ? "simd" : "scalar";
}
