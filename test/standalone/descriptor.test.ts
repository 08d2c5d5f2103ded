import { beforeAll, describe, expect, it } from "vitest";
import { parseHfConfig } from "../../src/format/hf/config.ts";
import { writeDescriptors } from "../../src/engine/descriptor.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { planWeights } from "../../src/architecture/plan.ts";
import { planScratch, writeScratch } from "../../src/engine/scratch.ts";
import { QUANTIZATIONS } from "../../src/architecture/quantization.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { WasiProbe } from "../helpers/wasi-probe.ts";
import { SHAPES } from "../../synthetic/shapes.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";

// The plan, scratch and descriptors are written twice, in TypeScript and in AssemblyScript: here both are compared byte for byte.

const GQA = { kind: "gqa", heads: 10, kvHeads: 2, headDim: 64 } as const;
const BASE = { architecture: "minicpm", vocabSize: 73448, hiddenSize: 1280, layers: 3, contextLength: 4096, rmsEps: 1e-5, ropeTheta: 1e4, embedScale: 12, residualScale: 0.4949747468305832, logitScale: 0.2, bosTokenId: 1, eosTokenIds: [2, 73440] } as const;
const configs: Record<string, ModelConfig> = {
  ...Object.fromEntries(Object.entries(TINY_CONFIGS).map(([name, json]) => [name, parseHfConfig(JSON.stringify(json), "config.json")])),
  ...Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [`shape ${name}`, shape as ModelConfig])),
  "block sum": { ...BASE, tied: true, attention: GQA, ffn: { kind: "experts", router: "block", experts: 80, expertSize: 48, routerNorm: "sum", normScale: 0.5, topK: 0, topP: 0, sharedSize: 0, sharedGated: false } },
  "topp, huge vocabulary": { ...BASE, vocabSize: 1 << 20, tied: false, attention: GQA, ffn: { kind: "experts", router: "topp", experts: 33, expertSize: 7, routerNorm: "none", normScale: 1, topK: 0, topP: 0.3, sharedSize: 77, sharedGated: true } },
  "mla relu": { ...BASE, tied: false, attention: { kind: "mla", heads: 5, qRank: 100, kvRank: 65, nopeDim: 30, ropeDim: 18, valueDim: 34, loraEps: 1e-6 }, ffn: { kind: "experts", router: "relu", experts: 64, expertSize: 16, routerNorm: "none", normScale: 1, topK: 0, topP: 0, sharedSize: 0, sharedGated: false } },
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
    const scratch = planScratch(config, 1, 64);
    const size = 1 << 20;
    const json = new TextEncoder().encode(JSON.stringify(config));
    const base = probe.put(new Uint8Array(size));
    const at = { descriptor: base, layers: base + 1024, frequencies: base + 500_032, scratch: base + 600_000 - (600_000 % 64), weights: base + 0x1000_0000 };
    const bytes = probe.with(json, (address, length) => probe.exports.describe(address, length, QUANTIZATIONS.indexOf(quantization), at.descriptor, at.layers, at.frequencies, at.scratch, at.weights));
    expect(bytes).toBe(plan.bytes);
    const buffer = new ArrayBuffer(base + size);
    const view = new DataView(buffer);
    writeScratch({ view: () => new DataView(buffer), u32: (where: number, length: number) => new Uint32Array(buffer, where, length) } as unknown as Engine, at.scratch, scratch);
    writeDescriptors(view, at, config, plan, scratch.maxChunk, "sparse");
    expect(Buffer.compare(new Uint8Array(probe.exports.memory.buffer, base, size), new Uint8Array(buffer, base, size))).toBe(0);
    probe.exports.releasePages(base, size);
  });

  it("says which field of a configuration is wrong", () => {
    const run = (json: string) => () => probe.with(new TextEncoder().encode(json), (at, length) => probe.exports.describe(at, length, 0, 0, 0, 0, 0, 0));
    const wrong = (change: object) => run(JSON.stringify({ ...BASE, tied: true, attention: GQA, ffn: { kind: "dense", size: 64, gated: true }, ...change }));
    expect(wrong({ layers: 513 })).toThrow("config: layers: must be a whole number from 1 to 512, not 513");
    expect(wrong({ hiddenSize: 1.5 })).toThrow("config: hiddenSize");
    expect(wrong({ rmsEps: 0 })).toThrow("config: rmsEps: must be above 0");
    expect(wrong({ tied: 1 })).toThrow("config: tied: must be true or false");
    expect(wrong({ extra: 1 })).toThrow("config: extra: is not known");
    expect(wrong({ eosTokenIds: [73448] })).toThrow("eosTokenIds");
    expect(wrong({ attention: { ...GQA, kvHeads: 3 } })).toThrow("3 key/value heads do not divide 10 heads");
    expect(wrong({ attention: { kind: "linear" } })).toThrow("config: attention.kind: must be one of gqa, mla");
    expect(run("{")).toThrow("config");
    expect(run('{"layers":1,"layers":2}')).toThrow("is there twice");
    expect(run("[".repeat(100))).toThrow("'{' was expected");
  });
});
