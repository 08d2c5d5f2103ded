import { expect, it } from "vitest";
import { DESCRIPTOR_VERSION } from "../../core/layout/model.ts";
import type { Host, Tier } from "../../src/host.ts";
import { Engine } from "../../src/engine/engine.ts";
import { bestTier } from "../../src/load/tier.ts";
import { engineModule, testHost, TIERS } from "../helpers/test-host.ts";

/** A host that carries some tiers; its `relaxed` is the module of another tier. */
const hostWith = (tiers: readonly Tier[], relaxed: WebAssembly.Module): Host => ({
  ...testHost,
  tiers,
  engine: async (tier) => (tier === "relaxed" ? relaxed : engineModule(tier)),
});

/** An engine whose check fails: only what `bestTier` asks for. */
const brokenModule = new WebAssembly.Module(
  Uint8Array.from([
    // (module (func (export "layoutVersion") (result i32) i32.const DESCRIPTOR_VERSION) (func (export "selfCheck") (result i32) i32.const 0))
    0,
    97,
    115,
    109,
    1,
    0,
    0,
    0,
    1,
    5,
    1,
    96,
    0,
    1,
    127,
    3,
    3,
    2,
    0,
    0,
    7,
    29,
    2,
    13,
    108,
    97,
    121,
    111,
    117,
    116,
    86,
    101,
    114,
    115,
    105,
    111,
    110,
    0,
    0,
    9,
    115,
    101,
    108,
    102,
    67,
    104,
    101,
    99,
    107,
    0,
    1,
    10,
    11,
    2,
    4,
    0,
    65,
    DESCRIPTOR_VERSION,
    11,
    4,
    0,
    65,
    0,
    11,
  ]),
);

it("takes the fastest tier that the host carries", async () => {
  expect(await bestTier(hostWith(["scalar"], brokenModule))).toBe("scalar");
  expect(await bestTier(hostWith(["scalar", "simd"], brokenModule))).toBe("simd");
  expect(await bestTier(testHost)).toBe(TIERS.at(-1));
});

it("does not take `relaxed` where its check fails", async () => {
  expect(await bestTier(hostWith(["scalar", "simd", "relaxed"], brokenModule))).toBe("simd");
});

it("every tier that is taken passes its own check", async () => {
  for (const tier of TIERS) expect((await Engine.create(engineModule(tier))).exports.selfCheck(), tier).toBe(1);
});
