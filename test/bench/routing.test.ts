import { expect, it, describe } from "vitest";
import { ROUTING } from "../../bench/modes/paper.ts";
import { expectedChunkSparsity, fitRouting, RoutingTrace } from "../../bench/modes/routing.ts";
import { SHAPES } from "../../synthetic/shapes.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { UsageError } from "../../src/errors.ts";
import { SparsityCounter } from "../../src/sparsity/stats.ts";
import { countUniqueExperts } from "../../src/sparsity/union.ts";

function expertsOf(name: string): { layers: number; experts: number } {
  const { ffn, layers } = SHAPES[name]!;
  if (ffn.kind !== "experts") throw new Error(name);
  return { layers, experts: ffn.experts };
}

describe("routing traces", () => {
  for (const [name, targets] of Object.entries(ROUTING)) {
    it(`${name}: a long trace has the paper's sparsity and reuse`, () => {
      const { layers, experts } = expertsOf(name);
      const trace = new RoutingTrace(fitRouting(experts, targets), layers, createRandom(7));
      const counter = new SparsityCounter(layers, experts);
      for (let token = 0; token < 1600; token++) {
        counter.addDocumentChunk(trace.draw([-1]), 1);
        trace.keep(0);
      }
      const { tls, cls, reuseRatio } = counter.result();
      expect(Math.abs(tls! - targets.tls)).toBeLessThan(0.005);
      expect(Math.abs(reuseRatio! - targets.reuse)).toBeLessThan(0.01);
      expect(Math.abs(cls[targets.chunk.length as 8 | 32]! - targets.chunk.sparsity)).toBeLessThan(0.008);
    });
  }

  it("a tree's union is that of a chain of as many tokens, whatever its shape", () => {
    const { layers, experts } = expertsOf("2.8B");
    const model = fitRouting(experts, ROUTING["2.8B"]!);
    const expected = 1 - expectedChunkSparsity(model, 32);
    expect(expected).toBeCloseTo(0.3086, 4);
    const shapes = [
      Array.from({ length: 32 }, (_, i) => i - 1),
      Array.from({ length: 32 }, (_, i) => (i === 0 ? -1 : 0)),
      Array.from({ length: 32 }, (_, i) => (i === 0 ? -1 : (i - 1) >> 1)),
    ];
    for (const parents of shapes) {
      const trace = new RoutingTrace(model, layers, createRandom(3));
      let union = 0;
      for (let round = 0; round < 60; round++) {
        union += countUniqueExperts(trace.draw(parents), layers, 32) / (layers * experts) / 60;
        trace.keep(round % 32);
      }
      expect(Math.abs(union - expected)).toBeLessThan(0.01);
    }
  });

  it("the same seed gives the same trace, another one another; the sequence goes on from the node that was kept", () => {
    const model = fitRouting(48, ROUTING["Small"]!);
    const draw = (seed: number, keep: number): Uint32Array[] => {
      const trace = new RoutingTrace(model, 2, createRandom(seed));
      const first = trace.draw([-1, 0, 0, 1]);
      trace.keep(keep);
      return [first, trace.draw([-1])];
    };
    expect(draw(5, 0)).toEqual(draw(5, 0));
    expect(draw(5, 0)).not.toEqual(draw(6, 0));
    // Same random numbers, other state before.
    expect(draw(5, 0)[1]).not.toEqual(draw(5, 3)[1]);
    expect(() => new RoutingTrace(model, 1, createRandom(1)).keep(0)).toThrow(UsageError);
  });

  it("refuses numbers that contradict each other", () => {
    expect(() => fitRouting(48, { tls: 0.8, reuse: 0.9, chunk: { length: 8, sparsity: 0.82 } })).toThrow(UsageError);
    expect(() => fitRouting(48, { tls: 0.8, reuse: 0.9, chunk: { length: 8, sparsity: 0.1 } })).toThrow(UsageError);
  });
});
