import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ModelInstance } from "../../../src/engine/instance.ts";
import { parseHfConfig } from "../../../src/format/hf/config.ts";
import { convertModel } from "../../../src/load/convert.ts";
import { loadModel } from "../../../src/load/load.ts";
import { summarizeModel } from "../../../src/load/summary.ts";
import { largestDifference } from "../../helpers/compare.ts";
import { DENSE_MODELS, writeDenseModel } from "../../helpers/dense-models.ts";
import { denseWeights } from "../../helpers/dense-weights.ts";
import { ggufOf, type Weights } from "../../helpers/gguf-models.ts";
import { describeLlamaCpp } from "../../helpers/describe-gguf.ts";
import { askLlamaCpp } from "../../helpers/gguf-peer.ts";
import { describeShared, sharedPath } from "../../helpers/shared.ts";
import { diskFiles, testHost } from "../../helpers/test-host.ts";
import type { ConfigJson } from "../../helpers/tiny-checkpoint.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { readVectors } from "../../helpers/vectors.ts";

// Small models as GGUF files: logits as transformers computes them from the same weights, and greedy tokens as llama.cpp reads the file.

const KINDS = { qwen2: "qwen2", qwen3: "qwen3", llama3: "llama", linear: "llama" } as const;

async function load(path: string, options: { quantize?: "q8" } = {}): Promise<ModelInstance> {
  const model = await loadModel(testHost, path, { tier: "simd", ...options });
  onTestFinished(() => model.dispose());
  return model;
}

function write(bytes: Uint8Array): string {
  const path = join(temporaryFolder(), "model.gguf");
  writeFileSync(path, bytes);
  return path;
}

describe.each(Object.entries(KINDS))("%s as %s", (name, architecture) => {
  const { config, prompt, logits, greedy } = DENSE_MODELS[name]!;
  const weights = denseWeights(config);
  const { bytes } = ggufOf(architecture, config, weights);
  const path = write(bytes);

  it("the logits of transformers, and the bits of the folder", async () => {
    const model = await load(path);
    const from = prompt.length - logits.length;
    const result = model.newSequence().forward(Uint32Array.from(prompt), { logits: "all" });
    for (const [i, row] of logits.entries()) expect(largestDifference(result.logits(from + i), row)).toBeLessThan(1e-4);
    const { bosTokenId: _, eosTokenIds: __, rmsEps, ...rest } = parseHfConfig(JSON.stringify(config), "config.json");
    expect(model.config).toMatchObject(rest);
    expect(model.config.rmsEps).toBeCloseTo(rmsEps, 10);
    const folder = await load(writeDenseModel(temporaryFolder(), { ...config, rms_norm_eps: model.config.rmsEps }));
    const want = folder.newSequence().forward(Uint32Array.from(prompt), { logits: "all" });
    for (let i = 0; i < prompt.length; i++) expect(result.logits(i)).toEqual(want.logits(i));
  });

  it("converted: the packed model gives the same tokens; q8 unless asked", async () => {
    const pieces: Uint8Array[] = [];
    const { quantization } = await convertModel(diskFiles(path), undefined, (piece) => void pieces.push(piece.slice()));
    expect(quantization).toBe("q8");
    pieces.length = 0;
    await convertModel(diskFiles(path), "f32", (piece) => void pieces.push(piece.slice()));
    const model = await load(write(Buffer.concat(pieces)));
    const sequence = model.newSequence();
    const out = [sequence.forward(Uint32Array.from(prompt)).argmax(0)];
    while (out.length < greedy.length) out.push(sequence.forward([out.at(-1)!]).argmax(0));
    expect(out).toEqual(greedy);
  });

  it("its summary counts what the folder's does", async () => {
    const summary = await summarizeModel(diskFiles(path));
    const folder = await summarizeModel(diskFiles(writeDenseModel(temporaryFolder(), config)));
    expect(summary).toMatchObject({
      format: "gguf",
      weights: "f32",
      parameters: folder.parameters,
      parts: folder.parts,
      tokenizerBytes: 0,
    });
  });

  describeLlamaCpp("llama.cpp", () => {
    it("the same greedy tokens", () =>
      expect(askLlamaCpp({ model: path, prompts: [prompt], steps: greedy.length }).greedy).toEqual([greedy]));
  });
});

describeShared("minicpm, the authors' dense model", "golden/models/gqa_dense", () => {
  const folder = sharedPath("golden/models/gqa_dense");
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as ConfigJson;
  const weights = readVectors(join(folder, "model.safetensors")) as unknown as Weights;
  const golden = readVectors(join(folder, "golden.safetensors"));
  const prompt = Array.from(golden.get("input_ids")!.data as Int32Array);
  const tokens = Array.from(golden.get("greedy.tokens")!.data as Int32Array);
  const file = ggufOf("minicpm", config, weights);
  const path = write(file.bytes);

  it("its greedy tokens, and scales", async () => {
    const model = await load(path);
    expect(model.config.embedScale).toBe(12);
    expect(model.config.residualScale).toBeCloseTo(1.4 / Math.SQRT2, 6);
    expect(model.config.logitScale).toBeCloseTo(16 / 64, 6);
    const sequence = model.newSequence();
    const out = [sequence.forward(Uint32Array.from(prompt)).argmax(0)];
    while (out.length < tokens.length) out.push(sequence.forward([out.at(-1)!]).argmax(0));
    expect(out).toEqual(tokens);
  });

  describeLlamaCpp("llama.cpp", () => {
    it("the same greedy tokens", () =>
      expect(askLlamaCpp({ model: path, prompts: [prompt], steps: tokens.length }).greedy).toEqual([tokens]));
  });
});
