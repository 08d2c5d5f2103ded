import { beforeAll, describe, expect, it } from "vitest";
import { SHAPES } from "../../synthetic/shapes.ts";
import { CachePlan, writeCache } from "../../core/cache.ts";
import { readArchitecture } from "../../core/architecture.ts";
import { finishChecksum, firstLane, joinLanes, LANES, round, tailByte, tailWord } from "../../core/checksum.ts";
import { type Addresses, WordWriter, writeModel } from "../../core/descriptor.ts";
import { FiniteSearch, finitePart } from "../../core/finite.ts";
import { alignUp, ceilDivide, floorDivide } from "../../core/numbers.ts";
import { matrixBytes, paddedRows, panelBytes, scaleGroups, scaleStride } from "../../core/panel.ts";
import { placeModel } from "../../core/placement.ts";
import { planDraft, planModel, QUANTIZATION_NAMES } from "../../core/plan.ts";
import { digits } from "../../core/problem.ts";
import { exp } from "../../core/sampling/exp.ts";
import { Bits64, randomFromSeed, splitMix64 } from "../../core/sampling/rng.ts";
import { TokenSampler } from "../../core/sampling/sampler.ts";
import { checkScratch, planScratch, writeScratch } from "../../core/scratch.ts";
import { kthLargest } from "../../core/sampling/select.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { architectureOf, readFields } from "../../src/architecture/flat.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { parseHfConfig } from "../../src/format/hf/config.ts";
import { CoreProbe, Output } from "../helpers/core-probe.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";

const GQA = { kind: "gqa", heads: 10, kvHeads: 2, headDim: 64 } as const;
const BASE = {
  architecture: "minicpm",
  vocabSize: 73448,
  hiddenSize: 1280,
  layers: 3,
  contextLength: 4096,
  rmsEps: 1e-5,
  ropeTheta: 1e4,
  embedScale: 12,
  residualScale: 0.4949747468305832,
  logitScale: 0.2,
  bosTokenId: 1,
  eosTokenIds: [2, 73440],
} as const;
const configs: Record<string, ModelConfig> = {
  ...Object.fromEntries(Object.entries(TINY_CONFIGS).map(([name, json]) => [name, parseHfConfig(JSON.stringify(json), "config.json")])),
  ...Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [`shape ${name}`, shape as ModelConfig])),
  "biases, norms, scaled RoPE": {
    ...BASE,
    architecture: "qwen3",
    tied: false,
    ropeScaling: { kind: "llama3", factor: 8, low: 1, high: 4.5, original: 8192 },
    attention: { ...GQA, headDim: 30, qkvBias: true, qkNorm: true },
    ffn: { kind: "dense", size: 70, gated: true },
  },
  "block sum": {
    ...BASE,
    tied: true,
    attention: GQA,
    ffn: {
      kind: "experts",
      router: "block",
      experts: 80,
      expertSize: 48,
      routerNorm: "sum",
      normScale: 0.5,
      topK: 0,
      topP: 0,
      sharedSize: 0,
      sharedGated: false,
    },
  },
  "topp, huge vocabulary": {
    ...BASE,
    vocabSize: 1 << 20,
    tied: false,
    attention: GQA,
    ffn: {
      kind: "experts",
      router: "topp",
      experts: 33,
      expertSize: 7,
      routerNorm: "none",
      normScale: 1,
      topK: 0,
      topP: 0.3,
      sharedSize: 77,
      sharedGated: true,
    },
  },
  "mla relu": {
    ...BASE,
    tied: false,
    attention: { kind: "mla", heads: 5, qRank: 100, kvRank: 65, nopeDim: 30, ropeDim: 18, valueDim: 34, loraEps: 1e-6 },
    ffn: {
      kind: "experts",
      router: "relu",
      experts: 64,
      expertSize: 16,
      routerNorm: "none",
      normScale: 1,
      topK: 0,
      topP: 0,
      sharedSize: 0,
      sharedGated: false,
    },
  },
};

/** Puts out every word that is written, and its address. */
class Words extends WordWriter {
  readonly #out: Output;

  constructor(out: Output) {
    super();
    this.#out = out;
  }

  u32(address: number, value: number): void {
    this.#out.put(address);
    this.#out.put(value);
  }

  f32(address: number, value: number): void {
    this.u32(address, Math.fround(value));
  }
}

let probe: CoreProbe;
beforeAll(async () => {
  probe = await CoreProbe.start();
});

it.each([0, 1, 2, 3])("sizes of matrices of weight type %i", (type) => {
  for (const rows of [1, 15, 16, 17, 100, 4096, 73448, 2 ** 20]) {
    for (const cols of [1, 31, 32, 33, 128, 129, 1280, 65536, 2 ** 20]) {
      probe.exports.sizes(type, rows, cols);
      const out = new Output();
      for (const value of [
        ceilDivide(rows, cols),
        floorDivide(rows, cols),
        alignUp(rows, cols),
        paddedRows(rows),
        panelBytes(type, cols),
        scaleGroups(type, cols),
        scaleStride(type),
        matrixBytes(type, rows, cols),
      ])
        out.put(value);
      out.text(digits(rows * cols));
      expect(probe.output().equals(out.bytes())).toBe(true);
    }
  }
});

it("checksums", () => {
  const random = createRandom(3);
  const words = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), ...Array.from({ length: 200 }, () => random.uint32() | 0)];
  words.forEach((a, i) => {
    const b = words[(i * 7 + 1) % words.length]!;
    const length = i % 3 === 0 ? i : random.float() * 2 ** 52;
    probe.exports.checksum(a, b, Math.floor(length));
    const out = new Output();
    for (let lane = 0; lane < LANES; lane++) out.put(firstLane(lane));
    const parts = [
      round(a, b),
      joinLanes(a, b, a ^ b, (a + b) | 0, Math.floor(length)),
      tailWord(a, b),
      tailByte(a, b & 255),
      finishChecksum(a),
    ];
    for (const value of parts) out.put(value);
    expect(probe.output().equals(out.bytes()), `${a}, ${b}, ${length}`).toBe(true);
  });
});

it("e^x", () => {
  const random = createRandom(2);
  for (let i = 0; i < 20_000; i++) {
    const x = i % 2 === 0 ? -random.float() * 60 : (random.float() - 0.5) * 1500;
    expect(probe.exports.exponential(x), String(x)).toBe(exp(x));
  }
  for (const x of [0, -0, 1, -745, -745.2, 709.7, 709.79, -708.5, -740, Infinity, -Infinity, NaN])
    expect(probe.exports.exponential(x)).toBe(exp(x));
});

it.each([0, 1, 42, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 12345, 2 ** 53 - 1])("random numbers of seed %i", (seed) => {
  probe.exports.randoms(seed, 500);
  const out = new Output();
  const random = randomFromSeed(seed);
  for (let i = 0; i < 500; i++) {
    out.put(random.uint32());
    out.put(random.float());
  }
  const state = new Bits64(Math.floor(seed / 2 ** 32), 77);
  for (let i = 0; i < 500; i++) {
    const z = splitMix64(state);
    out.put(z.high);
    out.put(z.low);
  }
  expect(probe.output().equals(out.bytes())).toBe(true);
});

// temperature, top-k, top-p, min-p, penalty
it.each([
  [0, 0, 1, 0, 1],
  [1, 0, 1, 0, 1],
  [0.7, 5, 1, 0, 1.2],
  [1.5, 0, 0.9, 0, 1],
  [0.01, 40, 0.5, 0.1, 0.8],
  [100, 3, 0.99, 0.02, 100],
])("the sampler at %j", (temperature, topK, topP, minP, penalty) => {
  const random = createRandom(7);
  for (const size of [1, 2, 17, 500]) {
    const logits = Float32Array.from({ length: size }, (_, i) => (i % 11 === 4 ? -Infinity : (random.float() - 0.5) * 30));
    if (size === 500) logits.copyWithin(100, 0, 50);
    const count = 20;
    probe.with(new Uint8Array(logits.buffer), (at) =>
      probe.exports.sample(at, size, temperature!, topK!, topP!, minP!, penalty!, 5, count),
    );
    const out = new Output();
    const sampler = new TokenSampler(temperature!, topK!, topP!, minP!, penalty!, randomFromSeed(5), size);
    for (let draw = 0; draw <= count; draw++) {
      sampler.scores.set(logits);
      out.put(sampler.firstUnusable());
      for (let i = 0; i < size; i += 3) sampler.penalise(i, logits[i]!);
      const best = sampler.best();
      out.put(best);
      if (best < 0) continue;
      if (draw < count) {
        out.put(sampler.draw(best));
        continue;
      }
      const kept = sampler.distribute(best);
      for (let i = 0; i < kept; i++) {
        out.put(sampler.ids[i]!);
        out.put(sampler.weights[i]!);
      }
    }
    sampler.scores.set(logits);
    out.put(kthLargest(sampler.scores, size, Math.min(size, 5), sampler.weights));
    expect(probe.output().equals(out.bytes()), `size ${size}`).toBe(true);
  }
});

it("the sampler says which logits cannot be used", () => {
  const firstOf = (logits: number[]): number[] => {
    probe.with(new Uint8Array(Float32Array.from(logits).buffer), (at) => probe.exports.sample(at, logits.length, 1, 0, 1, 0, 1, 0, 0));
    return probe.floats().slice(0, 2);
  };
  expect(firstOf([1, NaN, 2])[0]).toBe(1);
  expect(firstOf([1, 2, Infinity])[0]).toBe(2);
  expect(firstOf([-Infinity, -Infinity])).toEqual([-1, -1]);
});

const cases = Object.keys(configs).flatMap((name) => QUANTIZATION_NAMES.map((_, quantization) => [name, quantization] as const));
describe.each(cases)("%s, quantisation %i", (name, quantization) => {
  const config = configs[name]!;
  const a = architectureOf(config);
  const configure = (): void =>
    probe.with(new TextEncoder().encode(JSON.stringify(config)), (at, length) => probe.exports.configure(at, length));

  it.each([false, true])("the weight plan, draft head: %s", (draft) => {
    configure();
    probe.exports.plan(quantization, draft ? 1 : 0);
    const out = new Output();
    for (const value of [a.rotated, a.queryWidth, a.keyWidth, a.attentionWidth, a.ropeFactor, a.ropeLow, a.ropeHigh, a.ropeOriginal])
      out.put(value);
    const plan = draft ? planDraft(a, quantization) : planModel(a, quantization);
    out.put(plan.bytes);
    out.put(plan.end);
    for (const part of plan.parts) {
      expect(plan.byName.get(part.name)).toBe(part);
      for (const value of [
        part.layer,
        part.type,
        part.count,
        part.stride,
        part.bytes,
        part.offset,
        part.parameters,
        Number(part.vector),
        Number(part.experts),
      ])
        out.put(value);
      out.text(part.name);
      part.tensors.forEach(({ rows, cols, field, group, stored, source }, i) => {
        for (const value of [part.matrixOffset(i), rows, cols, field, group, stored]) out.put(value);
        out.text(source);
      });
    }
    expect(probe.output().equals(out.bytes())).toBe(true);
  });

  it("the descriptors", () => {
    configure();
    const base = 2 ** 31;
    probe.exports.describe(quantization, quantization & 1, base);
    const out = new Output();
    const at: Addresses = { descriptor: base, layers: base + 1000, frequencies: base + 2000, scratch: base + 3000, weights: base + 4000 };
    writeModel(new Words(out), at, a, planModel(a, quantization), 64, (quantization & 1) === 1);
    expect(probe.output().equals(out.bytes())).toBe(true);
  });

  it.each([0, 3])("the search for NaN, which lies in stretch %i", (stop) => {
    configure();
    probe.exports.search(quantization, stop);
    const out = new Output();
    let left = stop;
    class Searches extends FiniteSearch {
      floats(...values: number[]): boolean {
        values.forEach((value) => out.put(value));
        return --left !== 0;
      }
      scales(...values: number[]): boolean {
        return this.floats(...values);
      }
    }
    const searches = new Searches();
    for (const part of planModel(a, quantization).parts) out.put(Number(finitePart(searches, part, part.offset)));
    expect(probe.output().equals(out.bytes())).toBe(true);
  });
});

describe.each(Object.keys(configs))("%s", (name) => {
  const config = configs[name]!;
  const a = architectureOf(config);
  const configure = (): void =>
    probe.with(new TextEncoder().encode(JSON.stringify(config)), (at, length) => probe.exports.configure(at, length));

  it.each([
    [1, 64],
    [1, 256],
    [2, 256],
    [5, 64],
  ])("working memory for %i threads and %i rows", (threads, most) => {
    configure();
    probe.exports.scratch(threads, most, 4096, 1000);
    const out = new Output();
    const plan = planScratch(a, threads, most);
    for (const value of [plan.maxChunk, plan.activeWords, plan.bytes]) out.put(value);
    writeScratch(new Words(out), 4096, plan);
    const problem = checkScratch(plan, 1000);
    if (problem !== null) {
      out.put(problem.code);
      out.put(problem.limit);
      out.text(problem.field + problem.text);
    }
    expect(probe.output().equals(out.bytes())).toBe(true);
  });

  it.each([
    [1, -1],
    [3, 2 ** 20],
  ])("a cache for %i threads, and the model's place with weights at %i", (threads, weightsAt) => {
    configure();
    probe.exports.place(1000, threads, 12345, 2 ** 31 + 5, 777, weightsAt);
    const out = new Output();
    const cache = new CachePlan(a, 1000, threads);
    out.put(cache.bytes);
    writeCache(new Words(out), 4096, cache);
    const { addresses: at, end } = placeModel(a, 12345, 2 ** 31 + 5, 777, weightsAt);
    for (const value of [at.descriptor, at.layers, at.frequencies, at.scratch, at.weights, end]) out.put(value);
    expect(probe.output().equals(out.bytes())).toBe(true);
  });
});

describe("a configuration that is refused", () => {
  const right = { ...BASE, tied: true, attention: GQA, ffn: { kind: "dense", size: 64, gated: true } };
  const experts = {
    kind: "experts",
    router: "topk",
    experts: 8,
    expertSize: 16,
    routerNorm: "none",
    normScale: 1,
    topK: 2,
    topP: 0,
    sharedSize: 0,
    sharedGated: false,
  };
  it.each<[string, object, string]>([
    ["layers", { layers: 513 }, "must be at most 512, not 513"],
    ["layers", { layers: 0 }, "must be at least 1, not 0"],
    ["hiddenSize", { hiddenSize: 1.5 }, "must be a whole number"],
    ["hiddenSize", { hiddenSize: "8" }, "must be a number"],
    ["rmsEps", { rmsEps: 0 }, "must be above 0"],
    ["rmsEps", { rmsEps: 2 }, "must be at most 1"],
    ["ropeTheta", { ropeTheta: 1e13 }, "must be at most 1000000000000"],
    ["tied", { tied: 1 }, "must be true or false"],
    ["extra", { extra: 1 }, "is not known"],
    ["ffn.topK", { ffn: { kind: "dense", size: 64, gated: true, topK: 1 } }, "is not known"],
    ["architecture", { architecture: "gpt" }, "must be one of minicpm, llama, blockffn, qwen2, qwen3"],
    ["ropeScaling.kind", { ropeScaling: { kind: "yarn" } }, "must be one of linear, llama3"],
    ["ropeScaling.low", { ropeScaling: { kind: "llama3", factor: 8 } }, "is missing; it must be a number"],
    ["ropeScaling.high", { ropeScaling: { kind: "llama3", factor: 8, low: 4, high: 4, original: 9 } }, "must be above ropeScaling.low"],
    ["ropeScaling.low", { ropeScaling: { kind: "linear", factor: 8, low: 4 } }, "is not known"],
    ["attention.qkNorm", { attention: { ...GQA, qkNorm: "yes" } }, "must be true or false"],
    ["attention.qkvBias", { attention: { ...GQA, qkvBias: 1 } }, "must be true or false"],
    ["attention.kind", { attention: { kind: "linear" } }, "must be one of gqa, mla"],
    ["ffn.router", { ffn: { ...experts, router: "best" } }, "must be one of block, topk, topp, relu, sparse_mixer"],
    ["vocabSize", { vocabSize: undefined }, "is missing; it must be a number"],
    ["eosTokenIds", { eosTokenIds: [73448] }, "token 73448 is not in the vocabulary of 73448"],
    ["eosTokenIds", { eosTokenIds: [0.5] }, "holds an entry that is not a whole number from 0 to 1048575"],
    ["eosTokenIds", { eosTokenIds: Array.from({ length: 65 }, (_, i) => i) }, "must have at most 64 entries"],
    ["eosTokenIds", { eosTokenIds: 2 }, "must be a list of whole numbers"],
    ["bosTokenId", { bosTokenId: 80000 }, "token 80000 is not in the vocabulary of 73448"],
    ["", { attention: { ...GQA, kvHeads: 3 } }, "3 key/value heads do not divide 10 heads"],
    ["", { attention: { ...GQA, headDim: 63 } }, "RoPE turns pairs; 63 dimensions are odd"],
    ["", { attention: { kind: "gqa", heads: 1024, kvHeads: 1, headDim: 4096 } }, "attention is wider than 262144"],
    ["", { ffn: { ...experts, experts: 4096, expertSize: 1024 } }, "the experts together are wider than 1048576"],
    ["", { ffn: { ...experts, topK: 9 } }, "topK 9 is not in 1..8"],
  ])("%s %#", (field, change, text) => {
    const json = { ...right, ...change };
    expect(readFields(json, readArchitecture).problem).toMatchObject({ field, text });
    const encoded = new TextEncoder().encode(JSON.stringify(json));
    const message = (): void => probe.with(encoded, (at, length) => probe.exports.configure(at, length));
    expect(message).toThrow(field === "" ? `config: ${text}` : `config: ${field}: ${text}`);
  });

  it("names a dotted key as it is, not as a path", () => {
    expect(readFields({ ...right, "attention.heads": 2 }, readArchitecture).problem).toMatchObject({
      field: '"attention.heads"',
      text: "is not known",
    });
  });
});
