import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadModel } from "../../src/load/load.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { expertLayers } from "../../src/architecture/config.ts";
import { SparsityCounter } from "../../src/sparsity/stats.ts";
import { largestDifference } from "../helpers/compare.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { Taps } from "../../src/engine/taps.ts";
import { testHost, TIERS } from "../helpers/test-host.ts";
import { readVectors } from "../helpers/vectors.ts";

// The ten models of ../shared/golden/models, made by the authors' own code in float32 (golden/README.md gives the tolerances).
const LOGITS = 1e-4;
const SCORES = 5e-5;

describeGolden("golden models", "golden/models");
// DECO, by its authors' Megatron code (golden/deco/README.md): the published kind, and ablation branches.
describeGolden("golden DECO models", "golden/deco/models");

function describeGolden(title: string, path: string): void {
  describeShared(title, path, () => goldenModels(sharedPath(path)));
}

function goldenModels(folder: string): void {
  for (const name of readdirSync(folder).sort()) {
    for (const tier of TIERS)
      for (const ffn of ["sparse", "dense"] as const) {
        it(`${name}, ${tier}, ${ffn}: logits, hidden states, router scores, sparsity, greedy tokens`, async () => {
          const golden = readVectors(`${folder}/${name}/golden.safetensors`);
          const want = (key: string): Float32Array => golden.get(key)?.data as Float32Array;
          const ids = golden.get("input_ids")?.data as Int32Array;
          const model = await loadModel(testHost, `${folder}/${name}`, { tier, ffn });
          const taps = new Taps(model, ids.length);
          const whole = runWhole(model, ids);
          expect(largestDifference(whole, want("logits"))).toBeLessThan(LOGITS);
          expect(largestDifference(taps.read("embed"), want(golden.has("embeds") ? "embeds" : "embeds_scaled"))).toBeLessThan(LOGITS);
          for (let l = 0; l < model.config.layers; l++) {
            for (const tap of ["attn_out", "mlp_out", "hidden"] as const) {
              expect(largestDifference(taps.read(tap, l), want(`layer${l}.${tap}`)), `${tap} ${l}`).toBeLessThan(LOGITS);
            }
            checkRouter(golden, taps, l);
          }
          taps.off();
          checkSparsity(model, ids, JSON.parse(readFileSync(`${folder}/${name}/golden.json`, "utf8")) as GoldenIndex);
          expect(largestDifference(runOneByOne(model, ids), want("logits"))).toBeLessThan(LOGITS);
          expect(largestDifference(runWhole(model, golden.get("one.input_ids")?.data as Int32Array), want("one.logits"))).toBeLessThan(
            LOGITS,
          );
          expect(greedy(model, ids, 32)).toEqual(Array.from(golden.get("greedy.tokens")?.data as Int32Array));
          const long = golden.get("long.input_ids")?.data as Int32Array | undefined;
          if (long !== undefined) expect(largestDifference(lastLogits(model, long, 4), want("long.logits_last4"))).toBeLessThan(LOGITS);
          model.dispose();
        });
      }
  }
}

interface GoldenIndex {
  sparsity?: { TLS_counts: [number, number]; CLS_counts_active_total: Record<string, [number, number]> };
}

function checkSparsity(model: ModelInstance, ids: ArrayLike<number>, golden: GoldenIndex): void {
  const { ffn, layers } = model.config;
  if (ffn.kind !== "experts") return;
  const counter = new SparsityCounter(layers, ffn.experts, expertLayers(model.config));
  const sequence = model.newSequence({ capacity: ids.length });
  counter.addDocumentChunk(sequence.forward(ids, { logits: "none" }).activeExperts, ids.length);
  counter.endDocument();
  sequence.dispose();
  const { tlsCount, clsCounts } = counter.result();
  expect([tlsCount.active, tlsCount.total]).toEqual(golden.sparsity?.TLS_counts);
  for (const length of [2, 4, 8, 16] as const) {
    expect([clsCounts[length].active, clsCounts[length].total]).toEqual(golden.sparsity?.CLS_counts_active_total[String(length)]);
  }
}

function checkRouter(golden: ReturnType<typeof readVectors>, taps: Taps, l: number): void {
  const raw = golden.get(`layer${l}.router_raw`);
  const score = golden.get(`layer${l}.router_score`);
  if (raw !== undefined) expect(largestDifference(taps.read("router_raw", l), raw.data as Float32Array)).toBeLessThan(SCORES);
  if (score !== undefined) expect(largestDifference(taps.read("router_score", l), score.data as Float32Array)).toBeLessThan(SCORES);
  const indices = golden.get(`layer${l}.topk_indices`);
  const scores = golden.get(`layer${l}.topk_scores`);
  if (indices === undefined || scores === undefined) return;
  const [rows, k] = indices.shape as [number, number];
  const got = taps.read("router_score", l);
  const experts = got.length / rows;
  const expected = new Float32Array(got.length);
  for (let t = 0; t < rows; t++) {
    for (let i = 0; i < k; i++) {
      const e = indices.data[t * k + i] as number;
      if (e >= 0) expected[t * experts + e] = scores.data[t * k + i] as number;
    }
  }
  expect(largestDifference(got, expected)).toBeLessThan(SCORES);
}

function runWhole(model: ModelInstance, ids: ArrayLike<number>): Float32Array {
  const sequence = model.newSequence({ capacity: ids.length });
  const result = sequence.forward(ids, { logits: "all" });
  const out = new Float32Array(ids.length * model.config.vocabSize);
  for (let i = 0; i < ids.length; i++) out.set(result.logits(i), i * model.config.vocabSize);
  sequence.dispose();
  return out;
}

function runOneByOne(model: ModelInstance, ids: ArrayLike<number>): Float32Array {
  const sequence = model.newSequence({ capacity: ids.length });
  const out = new Float32Array(ids.length * model.config.vocabSize);
  for (let i = 0; i < ids.length; i++) out.set(sequence.forward([ids[i] as number]).logits(0), i * model.config.vocabSize);
  sequence.dispose();
  return out;
}

function lastLogits(model: ModelInstance, ids: Int32Array, last: number): Float32Array {
  const sequence = model.newSequence({ capacity: ids.length });
  const out: number[] = [];
  const body = ids.length - last;
  for (let at = 0; at < body; at += model.maxChunk)
    sequence.forward(ids.subarray(at, Math.min(body, at + model.maxChunk)), { logits: "none" });
  const result = sequence.forward(ids.subarray(body), { logits: "all" });
  for (let i = 0; i < last; i++) out.push(...result.logits(i));
  sequence.dispose();
  return Float32Array.from(out);
}

function greedy(model: ModelInstance, ids: ArrayLike<number>, count: number): number[] {
  const sequence = model.newSequence({ capacity: ids.length + count });
  const out = [sequence.forward(ids).argmax(0)];
  while (out.length < count) out.push(sequence.forward([out[out.length - 1] as number]).argmax(0));
  sequence.dispose();
  return out;
}

describe("largestDifference", () => {
  it("sees a difference, a NaN and a wrong length", () => {
    expect(largestDifference([1, 2], [1, 2.5])).toBe(0.5);
    expect(largestDifference([1, NaN], [1, 2])).toBe(Infinity);
    expect(largestDifference([1], [1, 2])).toBe(Infinity);
  });
});
