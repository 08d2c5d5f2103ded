import { describe, expect, it } from "vitest";
import { READ_AHEAD } from "../../core/layout/memory.ts";
import { llamaShape, blockShape } from "../../synthetic/shapes.ts";
import { syntheticEagle, syntheticOn } from "../../synthetic/model.ts";
import { EagleDrafter } from "../../src/decode/drafters/eagle.ts";
import { layoutTree } from "../../src/decode/speculative/tree.ts";
import { LimitError } from "../../src/errors.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { engineModule, TIERS } from "../helpers/test-host.ts";

const GIB = 2 ** 30;

/** An engine whose heap begins at an address. What lies below is reserved and never touched, so it takes no real memory. */
async function engineFrom(tier: (typeof TIERS)[number], base: number | undefined): Promise<Engine> {
  const engine = await Engine.create(engineModule(tier));
  // As the engine itself would say it: an i32.
  if (base !== undefined) Object.defineProperty(engine, "exports", { value: { ...engine.exports, heapBase: () => base | 0 } });
  return engine;
}

const SHAPES: Record<string, ModelConfig> = {
  MLA: {
    ...blockShape({ hidden: 96, layers: 2, heads: 3, experts: 40, expertSize: 32, vocab: 200 }),
    attention: { kind: "mla", heads: 3, qRank: 48, kvRank: 32, nopeDim: 32, ropeDim: 16, valueDim: 32, loraEps: 1e-6 },
  },
  GQA: {
    ...blockShape({ hidden: 96, layers: 2, heads: 3, experts: 40, expertSize: 32, vocab: 200 }),
    attention: { kind: "gqa", heads: 6, kvHeads: 2, headDim: 16 },
  },
  dense: llamaShape({ hidden: 64, layers: 2, heads: 4, kvHeads: 2, ffn: 96, vocab: 200, tied: true }),
};

/** A prompt, a tree, compaction, one more token and a drafted tree: all bits and ids that come out. */
function bitsOf(model: ModelInstance): { logits: number[][]; active: number[][]; drafted: readonly number[]; address: number } {
  const sequence = model.newSequence({ capacity: 64 });
  const logits: number[][] = [];
  const active: number[][] = [];
  const head = syntheticEagle(model, 64);
  const drafter = new EagleDrafter(head, { capacity: 64 });
  const run = (tokens: number[], parents?: number[]): number[] => {
    const result = sequence.forward(tokens, {
      logits: "all",
      ...(parents === undefined ? {} : { tree: layoutTree({ tokens, parents }, sequence.length) }),
    });
    for (let row = 0; row < tokens.length; row++)
      logits.push(Array.from(new Uint32Array(result.logits(row).slice().buffer)), [result.argmax(row)]);
    active.push(Array.from(result.activeExperts));
    const hidden = tokens.map((_, row) => result.hidden(row).slice());
    drafter.accept(tokens, hidden);
    return tokens;
  };
  run(Array.from({ length: 21 }, (_, i) => (i * 37 + 11) % 200));
  run([3, 9, 27, 81, 43], [-1, 0, 0, 1, 2]);
  sequence.keep([0, 2, 4]);
  run([5]);
  const drafted = drafter.propose(16).tokens;
  const { address } = sequence;
  drafter.dispose();
  sequence.dispose();
  return { logits, active, drafted, address };
}

describe("memory above 2 GiB", () => {
  for (const tier of TIERS) {
    for (const [name, config] of Object.entries(SHAPES)) {
      it(`${tier}, ${name}: weights, scratch and caches at high addresses give the bits of low ones`, async () => {
        for (const quantization of ["f32", "q8", "q4"] satisfies Quantization[]) {
          const low = bitsOf(syntheticOn(await engineFrom(tier, undefined), config, quantization, tier));
          const model = syntheticOn(await engineFrom(tier, 2.5 * GIB), config, quantization, tier);
          expect(model.addresses.descriptor).toBeGreaterThan(2 ** 31);
          const high = bitsOf(model);
          expect(high.address).toBeGreaterThan(2 ** 31);
          expect({ ...high, address: 0 }).toEqual({ ...low, address: 0 });
        }
      });
    }

    it(`${tier}: a cache above the weights, across 2 GiB and up to the end of memory`, async () => {
      const config = SHAPES["GQA"] as ModelConfig;
      const low = bitsOf(syntheticOn(await engineFrom(tier, undefined), config, "q4", tier));
      for (const hole of [2 * GIB - 2 ** 20, 4 * GIB - 3 * 2 ** 20]) {
        const model = syntheticOn(await engineFrom(tier, undefined), config, "q4", tier);
        const used = model.addresses.weights + model.plan.bytes + READ_AHEAD;
        model.arena.allocate(hole - used, "a hole");
        const high = bitsOf(model);
        expect(high.address).toBeGreaterThanOrEqual(hole);
        expect({ ...high, address: 0 }).toEqual({ ...low, address: 0 });
      }
    });
  }

  it("ends below 4 GiB: an address past the last byte would be 0", async () => {
    const engine = await engineFrom("simd", undefined);
    expect(() => engine.reserve(4 * GIB, "all")).toThrow(LimitError);
    engine.reserve(4 * GIB - 2 ** 16, "nearly all");
    expect(engine.memory.buffer.byteLength).toBe(4 * GIB - 2 ** 16);
    expect(engine.bytes(4 * GIB - 2 ** 16 - 16, 16)).toEqual(new Uint8Array(16));
  });
});
