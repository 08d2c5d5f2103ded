import { beforeAll, describe, expect, it } from "vitest";
import { writeModel } from "../../core/descriptor.ts";
import { planScratch, PROMPT_CHUNK, writeScratch } from "../../core/scratch.ts";
import { architectureOf } from "../../src/architecture/flat.ts";
import { ViewWriter } from "../../src/engine/view-writer.ts";
import { parseHfConfig } from "../../src/format/hf/config.ts";
import { planWeights } from "../../src/architecture/plan.ts";
import { QUANTIZATIONS } from "../../src/architecture/quantization.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { WasiProbe } from "../helpers/wasi-probe.ts";
import { SHAPES } from "../../synthetic/shapes.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";

// What both hosts write into memory, by core/ and each one's own way of storing words, is the same byte for byte.

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

describe("the plan of the WASI command", () => {
  let probe: WasiProbe;
  beforeAll(async () => {
    probe = await WasiProbe.create();
  });

  const cases = Object.keys(configs).flatMap((name) => QUANTIZATIONS.map((quantization) => [name, quantization] as const));
  it.each(cases)("%s, %s: weights, scratch and descriptors of the JavaScript host, byte for byte", (name, quantization) => {
    const config = configs[name]!;
    const plan = planWeights(config, quantization);
    const scratch = planScratch(architectureOf(config), 1, PROMPT_CHUNK);
    const size = 1 << 20;
    const json = new TextEncoder().encode(JSON.stringify(config));
    const base = probe.put(new Uint8Array(size));
    const at = {
      descriptor: base,
      layers: base + 1024,
      frequencies: base + 500_032,
      scratch: base + 600_000 - (600_000 % 64),
      weights: base + 0x1000_0000,
    };
    const bytes = probe.with(json, (address, length) =>
      probe.exports.describe(
        address,
        length,
        QUANTIZATIONS.indexOf(quantization),
        at.descriptor,
        at.layers,
        at.frequencies,
        at.scratch,
        at.weights,
      ),
    );
    expect(bytes).toBe(plan.bytes);
    const buffer = new ArrayBuffer(base + size);
    const out = new ViewWriter({ buffer } as WebAssembly.Memory);
    writeScratch(out, at.scratch, scratch);
    writeModel(out, at, architectureOf(config), plan, scratch.maxChunk, false);
    expect(Buffer.compare(new Uint8Array(probe.exports.memory.buffer, base, size), new Uint8Array(buffer, base, size))).toBe(0);
    probe.exports.releasePages(base, size);
  });

  it("says which field of a configuration is wrong", () => {
    const run = (json: string) => () =>
      probe.with(new TextEncoder().encode(json), (at, length) => probe.exports.describe(at, length, 0, 0, 0, 0, 0, 0));
    const wrong = (change: object) =>
      run(JSON.stringify({ ...BASE, tied: true, attention: GQA, ffn: { kind: "dense", size: 64, gated: true }, ...change }));
    expect(wrong({ layers: 513 })).toThrow("config: layers: must be at most 512, not 513");
    expect(run("{")).toThrow("config");
    expect(run('{"layers":1,"layers":2}')).toThrow("is there twice");
    expect(run("[".repeat(100))).toThrow("'{' was expected");
  });
});
