import { expect, it } from "vitest";
import { syntheticModel } from "../../synthetic/model.ts";
import { SHAPES } from "../../synthetic/shapes.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { chooseReadAhead } from "../../src/load/read-ahead.ts";
import { bits } from "../helpers/kernel-bench.ts";
import { testHost, TIERS } from "../helpers/test-host.ts";

/** A model whose embedding is large enough to measure with. */
const wide = { ...SHAPES["135M"]!, layers: 1 };

/** Notes what the kernels were switched to. */
function watched(model: ModelInstance): { model: ModelInstance; last: () => number } {
  let last = -1;
  const exports = { ...model.engine.exports, setReadAhead: (on: number) => model.engine.exports.setReadAhead((last = on)) };
  const engine = { ...model.engine, exports };
  return {
    model: {
      plan: model.plan,
      config: model.config,
      addresses: model.addresses,
      logits: model.logits,
      engine,
      scratchAt: (field: number) => model.scratchAt(field),
    } as unknown as ModelInstance,
    last: () => last,
  };
}

it("chooses what its clock says is faster, and nothing when the clock stands still", async () => {
  const model = await syntheticModel(testHost, wide, "q8", "simd");
  const { model: seen, last } = watched(model);
  // Every product takes 10 ms, with reading ahead 5 (or 15).
  for (const [ahead, chosen] of [
    [5, 1],
    [15, 0],
    [10, 0],
  ] as const) {
    let time = 0;
    let calls = 0;
    chooseReadAhead(seen, () => (time += calls++ % 2 === 0 ? 0 : last() === 1 ? ahead : 10));
    expect(last()).toBe(chosen);
  }
  chooseReadAhead(seen, () => 0);
  expect(last()).toBe(0);
  model.dispose();
});

it("measures nothing with a model that lies in a cache", async () => {
  const model = await syntheticModel(testHost, { ...wide, vocabSize: 512 }, "q8", "simd");
  const { model: seen, last } = watched(model);
  chooseReadAhead(seen, () => {
    throw new Error("no time is asked for");
  });
  expect(last()).toBe(0);
  model.dispose();
});

it("changes no bit", async () => {
  for (const tier of TIERS) {
    const model = await syntheticModel(testHost, wide, "q4", tier);
    const logits = [0, 1].map((on) => {
      model.engine.exports.setReadAhead(on);
      const sequence = model.newSequence({ capacity: 8 });
      const out = sequence.forward([1, 2, 3]).logits(0).slice();
      sequence.dispose();
      return out;
    }) as [Float32Array, Float32Array];
    expect(bits(logits[1])).toEqual(bits(logits[0]));
    model.dispose();
  }
});
