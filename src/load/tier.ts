import type { Host, Tier } from "../host.ts";
import { Engine } from "../engine/engine.ts";

// (module (func (result v128) i32.const 0 i8x16.splat)): validates only where SIMD is there.
const SIMD_PROBE = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11]);
// (module (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 i32x4.relaxed_dot_i8x16_i7x16_add_s))
const RELAXED_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0, 10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 147, 2, 11,
]);

/** Whether `relaxed` passed its check, by host. */
const checked = new WeakMap<Host, Promise<boolean>>();

/** The fastest tier that works here: `relaxed` where the runtime validates it and it passes its check, else `simd`, else `scalar`. */
export async function bestTier(host: Host): Promise<Tier> {
  const { tiers } = host;
  const carried = (tier: Tier): boolean => tiers === undefined || tiers.includes(tier);
  if (!carried("simd") || !WebAssembly.validate(SIMD_PROBE)) return "scalar";
  if (!carried("relaxed") || !WebAssembly.validate(RELAXED_PROBE)) return "simd";
  let works = checked.get(host);
  if (works === undefined) {
    works = relaxedWorks(host);
    checked.set(host, works);
    works.catch(() => checked.delete(host));
  }
  return (await works) ? "relaxed" : "simd";
}

/** Runs the engine's own check: what validates may still be compiled wrongly (Node 20's baseline compiler does). */
async function relaxedWorks(host: Host): Promise<boolean> {
  const { exports } = await Engine.create(await host.engine("relaxed"));
  return exports.selfCheck() === 1;
}
