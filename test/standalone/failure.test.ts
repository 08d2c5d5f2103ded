import { describe, expect, it } from "vitest";
import { encodePacked } from "../helpers/packed-v2.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { planWeights } from "../../src/architecture/plan.ts";
import { WasiProbe } from "../helpers/wasi-probe.ts";

const CONFIG: ModelConfig = {
  architecture: "llama",
  vocabSize: 16,
  hiddenSize: 16,
  layers: 1,
  contextLength: 16,
  rmsEps: 1e-5,
  ropeTheta: 10000,
  embedScale: 1,
  residualScale: 1,
  logitScale: 1,
  tied: true,
  attention: { kind: "gqa", heads: 2, kvHeads: 1, headDim: 8 },
  ffn: { kind: "dense", size: 16, gated: true },
  bosTokenId: 1,
  eosTokenIds: [],
};

/** A packed model whose weights are `weight` and its negative in turn, but for those of the embedding. */
function packed(weight: number): Uint8Array {
  const plan = planWeights(CONFIG, "f32");
  const { head, fileSize } = encodePacked(CONFIG, plan, undefined);
  const bytes = new Uint8Array(fileSize);
  bytes.set(head);
  const weights = new Float32Array(bytes.buffer, head.length).map((_, i) => (i % 2 === 0 ? weight : -weight));
  weights.fill(0.5, 0, plan.parts[0]!.bytes / 4);
  new Float32Array(bytes.buffer, head.length).set(weights);
  return bytes;
}

describe("a generation that failed", () => {
  it("does not go on", { timeout: 60_000 }, async () => {
    const probe = await WasiProbe.create("probe-generation.ts");
    const begin = (weight: number): void => probe.with(packed(weight), (at, length) => probe.exports.begin(at, length, 1));
    // Finite, so it is loaded; its sums are not.
    begin(1e38);
    expect(probe.exports.next()).toBe(-1);
    expect(() => probe.check()).toThrow("logits: the model computed NaN logits");
    for (let again = 0; again < 2; again++) {
      expect(probe.exports.next()).toBe(-1);
      expect(() => probe.check()).toThrow("generation: failed before and cannot go on; begin another one");
    }
    // Another one does.
    begin(0.01);
    for (let i = 0; i < 4; i++) expect(probe.exports.next()).toBeGreaterThanOrEqual(0);
    expect(probe.exports.next()).toBe(-1);
    expect(() => probe.check()).not.toThrow();
  });
});
