import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ConfigError, FormatError, LimitError, SourceError, UsageError } from "../../src/errors.ts";
import { openCheckpoint } from "../../src/format/hf/checkpoint.ts";
import { elementCount } from "../../src/format/dtypes.ts";
import { isFloatDType } from "../../src/format/floats.ts";
import { MemoryFiles } from "../helpers/memory-files.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { TINY_CONFIGS, tinyCheckpoint, tinyTensors } from "../helpers/tiny-checkpoint.ts";
import { tinySafetensors } from "../helpers/tiny-safetensors.ts";
import { floatStorage, tinyTorch } from "../helpers/tiny-torch.ts";

const { llama } = TINY_CONFIGS;
const size = (shape: readonly number[]): number => elementCount(shape) ?? NaN;
const bin = () =>
  tinyTorch(
    tinyTensors(llama).map(({ name, shape }, i) => ({
      name,
      shape,
      storage: floatStorage(String(i), new Array<number>(size(shape)).fill(i)),
    })),
  );

test("the first kind of weights that is there is taken", async () => {
  const single = tinyCheckpoint(llama);
  const shard = tinySafetensors(tinyTensors(llama));
  const index = JSON.stringify({ weight_map: Object.fromEntries(tinyTensors(llama).map(({ name }) => [name, "shard"])) });
  const kinds = {
    "model.safetensors": { "model.safetensors": single["model.safetensors"] },
    "model.safetensors.index.json": { "model.safetensors.index.json": index, shard },
    "pytorch_model.bin": { "pytorch_model.bin": bin() },
    "pytorch_model.bin.index.json": { "pytorch_model.bin.index.json": index, shard: bin() },
  };
  for (const [name, weights] of Object.entries(kinds)) {
    const files = new MemoryFiles({
      "config.json": single["config.json"],
      ...(weights as Record<string, Uint8Array | string>),
      "tokenizer.json": "{}",
    });
    const {
      config,
      tensors,
      text: { tokenizerJson },
    } = await openCheckpoint(files);
    expect(tensors.name).toBe(name);
    expect(config.layers).toBe(2);
    expect(new TextDecoder().decode(tokenizerJson)).toBe("{}");
    await tensors.close();
    expect(files.counts.closed).toBe(files.counts.opened);
  }
  const both = new MemoryFiles({ ...single, "pytorch_model.bin": "broken, but not needed" });
  expect((await openCheckpoint(both)).tensors.name).toBe("model.safetensors");
  expect((await openCheckpoint(both)).text.tokenizerJson).toBeUndefined();
});

test("a tied model may keep its one matrix under the head's name", async () => {
  const tied = { ...llama, tie_word_embeddings: true };
  const renamed = (name: string) =>
    tinySafetensors(tinyTensors(tied).map((t) => (t.name === "model.embed_tokens.weight" ? { ...t, name } : t)));
  const { tensors } = await openCheckpoint(
    new MemoryFiles({ "config.json": JSON.stringify(tied), "model.safetensors": renamed("lm_head.weight") }),
  );
  expect(tensors.names()).toContain("model.embed_tokens.weight");
  expect(tensors.info("model.embed_tokens.weight")).toMatchObject({ dtype: "F32", shape: [16, 8] });
  expect(await tensors.readF32("model.embed_tokens.weight", 8, 8)).toEqual(await tensors.readF32("lm_head.weight", 8, 8));
  const untied = openCheckpoint(new MemoryFiles({ "config.json": JSON.stringify(llama), "model.safetensors": renamed("lm_head.weight") }));
  await expect(untied).rejects.toMatchObject({ name: ConfigError.name, field: "model.embed_tokens.weight" });
});

test("what is missing is said, with what was looked for", async () => {
  await expect(openCheckpoint(new MemoryFiles({}))).rejects.toMatchObject({ name: SourceError.name, file: "config.json" });
  await expect(openCheckpoint(new MemoryFiles({ "config.json": JSON.stringify(llama) }))).rejects.toThrow(
    /model\.safetensors, model\.safetensors\.index\.json, pytorch_model\.bin, pytorch_model\.bin\.index\.json/,
  );
  await expect(openCheckpoint({ name: "m.blockffn", single: true, open: async () => undefined })).rejects.toBeInstanceOf(UsageError);
});

test.each([
  [
    "a configuration for other weights",
    { ...tinyCheckpoint(llama), "config.json": JSON.stringify({ ...llama, vocab_size: 2 ** 20 }) },
    ConfigError,
    "config.json",
  ],
  ["a large config.json", { ...tinyCheckpoint(llama), "config.json": " ".repeat((1 << 20) + 1) }, LimitError, "config.json"],
  ["broken safetensors", { ...tinyCheckpoint(llama), "model.safetensors": "no" }, FormatError, "model.safetensors"],
  ["broken torch file", { "config.json": JSON.stringify(llama), "pytorch_model.bin": "no" }, FormatError, "pytorch_model.bin"],
] as const)("%s: typed error, everything closed", async (_, content, type, file) => {
  const files = new MemoryFiles(content);
  const error: unknown = await openCheckpoint(files).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(type);
  expect(error).toMatchObject({ file });
  expect(files.counts.closed).toBe(files.counts.opened);
});

test("a large tokenizer.json is a typed error for who asks for it", async () => {
  const files = new MemoryFiles({ ...tinyCheckpoint(llama), "tokenizer.json": new Uint8Array((64 << 20) + 1) });
  const { text, tensors } = await openCheckpoint(files);
  expect(() => text.tokenizerJson).toThrow(LimitError);
  await tensors.close();
  expect(files.counts.closed).toBe(files.counts.opened);
});

/** A folder of the disk as files in memory. */
function folder(path: string, skip: readonly string[] = []): MemoryFiles {
  return new MemoryFiles(
    Object.fromEntries(
      readdirSync(path)
        .filter((name) => !skip.includes(name))
        .map((name) => [name, readFileSync(path + name)]),
    ),
  );
}

describeShared("golden checkpoints", "golden/models", () => {
  test.each([
    "gqa_block_none",
    "gqa_blocklinear_rms",
    "gqa_blocklinear_sum",
    "gqa_dense",
    "gqa_moe_sparse_mixer",
    "gqa_moe_topk",
    "gqa_moe_topp",
    "mla_block_rms",
    "mla_moe_deepseek_shared",
    "mla_moe_relu",
  ])("golden model %s: every tensor can be read", async (name) => {
    const { config, tensors } = await openCheckpoint(folder(sharedPath(`golden/models/${name}/`)));
    expect(config).toMatchObject({
      architecture: "minicpm",
      hiddenSize: 64,
      layers: 2,
      rmsEps: 1e-5,
      ropeTheta: 10_000,
      embedScale: 12,
      residualScale: 1.4 / Math.SQRT2,
    });
    expect(config.attention.kind).toBe(name.startsWith("mla") ? "mla" : "gqa");
    expect(config.tied).toBe(name === "gqa_blocklinear_rms");
    for (const tensor of tensors.names()) {
      const { dtype, shape } = tensors.info(tensor)!;
      expect(isFloatDType(dtype)).toBe(true);
      const values = await tensors.readF32(tensor, 0, size(shape));
      expect(values).toHaveLength(size(shape));
      expect(values.every(Number.isFinite)).toBe(true);
      expect(values.some((value) => value !== 0)).toBe(true);
    }
  });

  test("pytorch_model.bin and model.safetensors hold the same bits; the tied head shares the embedding", async () => {
    const path = sharedPath("golden/models/gqa_blocklinear_rms/");
    const { tensors: safe } = await openCheckpoint(folder(path));
    const { tensors: torch } = await openCheckpoint(folder(path, ["model.safetensors"]));
    expect(torch.name).toBe("pytorch_model.bin");
    expect(new Set(torch.names())).toEqual(new Set([...safe.names(), "lm_head.weight"]));
    for (const name of torch.names()) {
      const other = name === "lm_head.weight" ? "model.embed_tokens.weight" : name;
      const info = torch.info(name)!;
      expect(info).toMatchObject({ dtype: "F32", shape: safe.info(other)!.shape });
      const read = async (source: typeof safe, tensor: string) =>
        new Uint32Array((await source.readF32(tensor, 0, size(info.shape))).buffer);
      expect(await read(torch, name)).toEqual(await read(safe, other));
    }
  });
});

describeShared("trained checkpoints", "checkpoints", () => {
  test("the trained BlockFFN and a Llama made by others", async () => {
    const nano = await openCheckpoint(folder(sharedPath("checkpoints/blockffn-nano/")));
    expect(nano.config).toMatchObject({
      tied: true,
      contextLength: 1024,
      logitScale: 1,
      ffn: { experts: 48, expertSize: 32, routerNorm: "rms" },
    });
    expect(nano.text.tokenizerJson!.length).toBeGreaterThan(100_000);
    const llamaModel = await openCheckpoint(folder(sharedPath("checkpoints/tinystories-656k/")));
    expect(llamaModel.config).toMatchObject({
      architecture: "llama",
      tied: true,
      contextLength: 512,
      attention: { kind: "gqa", heads: 8, kvHeads: 4, headDim: 16 },
    });
  });
});
