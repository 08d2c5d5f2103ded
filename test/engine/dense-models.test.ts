import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { parseHfConfig } from "../../src/format/hf/config.ts";
import { loadModel } from "../../src/load/load.ts";
import { largestDifference } from "../helpers/compare.ts";
import { DENSE_MODELS, writeDenseModel } from "../helpers/dense-models.ts";
import { testHost, TIERS } from "../helpers/test-host.ts";
import { threadedHost } from "../helpers/threads.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { packTo, wasiJson } from "../helpers/wasi.ts";

// Biases (Qwen 2), norms of heads (Qwen 3), scaled RoPE (Llama 3) and sliding windows (Mistral), as transformers computes them.

const TOLERANCE = 1e-4;

async function load(...args: Parameters<typeof loadModel>): Promise<ModelInstance> {
  const model = await loadModel(...args);
  onTestFinished(() => model.dispose());
  return model;
}

function logits(model: ModelInstance, ids: readonly number[], from: number): Float32Array[] {
  const result = model.newSequence().forward(Uint32Array.from(ids), { logits: "all" });
  return ids.slice(from).map((_, i) => result.logits(from + i).slice());
}

function greedy(model: ModelInstance, prompt: readonly number[], count: number): number[] {
  const sequence = model.newSequence();
  const out = [sequence.forward(Uint32Array.from(prompt)).argmax(0)];
  while (out.length < count) out.push(sequence.forward([out.at(-1)!]).argmax(0));
  return out;
}

describe.each(Object.entries(DENSE_MODELS))("%s", (_, { config, prompt, logits: wanted, greedy: tokens }) => {
  const folder = writeDenseModel(temporaryFolder(), config);
  const from = prompt.length - wanted.length;

  it.each(TIERS)("%s: logits and greedy tokens of transformers", async (tier) => {
    const model = await load(testHost, folder, { tier });
    const got = logits(model, prompt, from);
    for (const [i, row] of wanted.entries()) expect(largestDifference(got[i]!, row)).toBeLessThan(TOLERANCE);
    expect(greedy(model, prompt, tokens.length)).toEqual(tokens);
  });

  it("two threads, and one token at a time: the same bits", async () => {
    const model = await load(testHost, folder, { tier: "simd" });
    const want = logits(model, prompt, 0);
    const sequence = model.newSequence();
    expect(prompt.map((id) => sequence.forward([id]).logits(0).slice())).toEqual(want);
    const threaded = await load(threadedHost(), folder, { tier: "simd", threads: 2 });
    expect(logits(threaded, prompt, 0)).toEqual(want);
    expect(greedy(threaded, prompt, tokens.length)).toEqual(tokens);
  });

  it("quantised: near the reference, by type", async () => {
    const largest = Math.max(...wanted.flat().map(Math.abs));
    for (const [quantize, share] of [
      ["q8", 0.03],
      ["q4", 0.4],
      ["q4-all", 0.5],
    ] as const) {
      const model = await load(testHost, folder, { tier: "simd", quantize });
      const got = logits(model, prompt, from);
      for (const [i, row] of wanted.entries()) expect(largestDifference(got[i]!, row)).toBeLessThan(share * largest);
    }
  });

  it("packed, in the stand-alone command: the same tokens", async () => {
    const packed = temporaryFolder();
    await packTo(folder, join(packed, "m.safetensors"), "f32");
    const args = ["--model", "m.safetensors", "--tokens", prompt.join(","), "--max-tokens", `${tokens.length}`, "--ignore-eos"];
    expect((await wasiJson(packed, args)).tokens).toEqual(tokens);
    const model = await load(testHost, join(packed, "m.safetensors"), { tier: "scalar" });
    expect(greedy(model, prompt, tokens.length)).toEqual(tokens);
    expect(model.config).toEqual(parseHfConfig(JSON.stringify(config), "config.json"));
  });
});

describe("what a folder says of them", () => {
  const parse = (name: string, changes: object = {}) =>
    parseHfConfig(JSON.stringify({ ...DENSE_MODELS[name]!.config, ...changes }), "config.json");

  it("biases, norms, heads and scaling", () => {
    expect(parse("qwen2")).toMatchObject({ architecture: "qwen2", tied: true, attention: { headDim: 6, qkvBias: true } });
    expect(parse("qwen3")).toMatchObject({ architecture: "qwen3", attention: { headDim: 16, qkNorm: true } });
    expect(parse("qwen3", { head_dim: undefined }).attention).toMatchObject({ headDim: 128 });
    expect(parse("llama3").ropeScaling).toEqual({ kind: "llama3", factor: 8, low: 1, high: 4, original: 32 });
    expect(parse("linear").ropeScaling).toEqual({ kind: "linear", factor: 4 });
    expect(parse("linear", { rope_scaling: null, rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 7 } })).toMatchObject({
      ropeTheta: 7,
      ropeScaling: { kind: "linear", factor: 2 },
    });
    expect(parse("qwen2", { bos_token_id: undefined, eos_token_id: undefined })).toMatchObject({ bosTokenId: undefined, eosTokenIds: [] });
  });

  it("an original length that only max_position_embeddings tells, or the top level", () => {
    const { original_max_position_embeddings: _, ...rest } = DENSE_MODELS["llama3"]!.config["rope_scaling"] as Record<string, unknown>;
    expect(parse("llama3", { rope_scaling: rest }).ropeScaling).toMatchObject({ original: 96 });
    expect(parse("llama3", { original_max_position_embeddings: 16 }).ropeScaling).toMatchObject({ original: 16 });
  });

  it("the context ends with a sliding window, where one is used", () => {
    expect(parse("mistral").contextLength).toBe(70);
    expect(parse("mistral", { sliding_window: null }).contextLength).toBe(96);
    expect(parse("mistral", { sliding_window: 4096 }).contextLength).toBe(96);
    expect(parse("qwen2-window").contextLength).toBe(72);
    expect(parse("qwen2-window", { max_window_layers: 2 }).contextLength).toBe(96);
    expect(parse("qwen2-window", { use_sliding_window: false }).contextLength).toBe(96);
    const types = ["full_attention", "sliding_attention"];
    expect(parse("qwen2-window", { max_window_layers: 2, layer_types: types }).contextLength).toBe(72);
  });

  it.each([
    ["rope_scaling.rope_type", "llama3", { rope_scaling: { rope_type: "yarn", factor: 2 } }],
    ["rope_scaling.factor", "llama3", { rope_scaling: { rope_type: "linear" } }],
    ["rope_scaling.high_freq_factor", "llama3", { rope_scaling: { rope_type: "llama3", factor: 2, low_freq_factor: 1 } }],
    [
      "rope_scaling.high_freq_factor",
      "llama3",
      { rope_scaling: { rope_type: "llama3", factor: 2, low_freq_factor: 4, high_freq_factor: 4 } },
    ],
    ["attention_bias", "qwen3", { attention_bias: true }],
    ["sliding_window", "mistral", { sliding_window: 0 }],
    ["layer_types.1", "qwen2", { layer_types: ["full_attention", "linear_attention"] }],
  ])("refuses %s of %s", (field, name, changes) => {
    expect(() => parse(name, changes)).toThrow(expect.objectContaining({ field }));
  });

  it("a draft head does not inherit scaling", async () => {
    const folder = writeDenseModel(temporaryFolder(), DENSE_MODELS["llama3"]!.config);
    const model = await load(testHost, folder, { tier: "scalar" });
    const { draftModel } = await import("../../src/architecture/draft-head.ts");
    const head = { layers: 1, ropeTheta: 10_000, heads: 4, kvHeads: 2, headDim: 6, ffnSize: 8, draftVocab: 0 };
    expect(draftModel(head, model.config)).not.toHaveProperty("ropeScaling");
  });
});
