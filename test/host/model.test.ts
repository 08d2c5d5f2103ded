import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FormatError, LimitError, loadModel, SourceError, TokenizerError, UsageError, type Model } from "../../host/node/index.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { TINY_VOCAB } from "../helpers/tiny-tokenizer.ts";
import { tinyCheckpoint } from "../helpers/tiny-checkpoint.ts";
import { MemoryFiles } from "../helpers/memory-files.ts";
import { nodeHost } from "../../host/node/engine.ts";
import { loadModel as loadPortable } from "../../src/load/load.ts";
import { Model as PortableModel } from "../../src/model.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";

const folder = writeTinyModel(temporaryFolder());

describe("loadModel", () => {
  it("gives a model that generates, with progress while it loads", async () => {
    const seen: [number, number][] = [];
    const model = await loadModel(folder, { onProgress: (done, total) => seen.push([done, total]), tier: "scalar" });
    expect(model).toMatchObject({ name: folder, ffn: "sparse" });
    expect(model.tokenizer?.vocabSize).toBe(TINY_VOCAB);
    expect(model.config.ffn.kind).toBe("experts");
    const total = seen.at(-1)?.[1] as number;
    expect(seen.at(-1)?.[0]).toBeLessThanOrEqual(total);
    expect(seen.map(([done]) => done)).toEqual(seen.map(([done]) => done).sort((a, b) => a - b));
    const result = await model.generate("tom", { maxTokens: 8, ignoreEos: true }).result();
    expect(result.tokens).toHaveLength(8);
    model.dispose();
  });

  it("reads one sequence after another, by hand and by generate, alike", async () => {
    const model = await loadModel(folder);
    const prompt = model.tokenizer?.encode("the king") as Uint32Array;
    const byHand: number[] = [];
    const sequence = model.newSequence({ capacity: 40 });
    for (let next: ArrayLike<number> = prompt; byHand.length < 10;) {
      const id = sequence.forward(next).argmax(0);
      byHand.push(id);
      next = [id];
    }
    sequence.dispose();
    expect((await model.generate(prompt, { maxTokens: 10, ignoreEos: true }).result()).tokens).toEqual(byHand);
    model.dispose();
  });

  it("runs several generations at once like each alone", async () => {
    const model = await loadModel(folder);
    const prompts = ["tom", "the old king sat by the fire", "a"];
    const run = (prompt: string, seed: number): Promise<readonly number[]> =>
      model
        .generate(prompt, { maxTokens: 30, ignoreEos: true, temperature: seed === 0 ? 0 : 1, seed })
        .result()
        .then(({ tokens }) => tokens);
    const alone: (readonly number[])[] = [];
    for (const [seed, prompt] of prompts.entries()) alone.push(await run(prompt, seed));
    expect(await Promise.all(prompts.map((prompt, seed) => run(prompt, seed)))).toEqual(alone);
    model.dispose();
  });

  it("is disposed by using, and refuses to work then", async () => {
    let kept: Model;
    {
      using model = await loadModel(folder);
      kept = model;
    }
    expect(() => kept.newSequence()).toThrow(UsageError);
    await expect(kept.generate("tom").result()).rejects.toThrow(UsageError);
    await using again = await loadModel(folder);
    expect(again.config.vocabSize).toBe(TINY_VOCAB);
  });

  it("names what is wrong with a location", async () => {
    await expect(loadModel("/no/such")).rejects.toThrow(SourceError);
    await expect(loadModel(join(folder, "tokenizer.json"))).rejects.toThrow(FormatError);
    await expect(loadModel(new URL("https://example.org/model"))).rejects.toThrow(SourceError);
  });

  it("tells of a tokenizer.json that is none where it is first used; token ids still run by hand", async () => {
    const files = new MemoryFiles({ ...tinyCheckpoint(TINY_CONFIGS.block), "tokenizer.json": "{}" });
    const model = new PortableModel(await loadPortable({ ...nodeHost, open: async () => files }, "memory"));
    for (let again = 0; again < 2; again++) {
      expect(() => model.tokenizer).toThrow(expect.objectContaining({ name: "TokenizerError", file: "tokenizer.json" }) as Error);
      expect(() => model.generate("tom")).toThrow(TokenizerError);
    }
    await expect(model.evaluate("tom")).rejects.toThrow(TokenizerError);
    expect(model.newSequence().forward([0]).logits(0).length).toBeGreaterThan(0);
    model.dispose();
  });

  it("tells how much too long a prompt is", async () => {
    const model = await loadModel(folder);
    expect(() => model.generate("a".repeat(200))).toThrow(LimitError);
    expect(() => model.generate("a".repeat(200))).toThrow(/202 tokens.*96/);
    expect(() => model.generate("a".repeat(50_000))).toThrow(/more than \d+ tokens.*96/);
    model.dispose();
  });
});

interface Golden {
  readonly prompts: readonly { readonly prompt: string; readonly greedy_text: string }[];
  readonly eval: {
    readonly documents: number;
    readonly nll_per_token: number;
    readonly perplexity: number;
    readonly tokens_predicted: number;
    readonly tls: number;
    readonly cls: Readonly<Record<string, number>>;
    readonly reuse_ratio: number;
  };
}

describeShared("blockffn-nano", "checkpoints/blockffn-nano", () => {
  const path = sharedPath("checkpoints/blockffn-nano");
  const golden = JSON.parse(readFileSync(join(path, "golden.json"), "utf8")) as Golden;

  it("writes the published stories, all at once", async () => {
    using model = await loadModel(path);
    const texts = await Promise.all(
      golden.prompts.map(async ({ prompt }) => (await model.generate(prompt, { maxTokens: 48 }).result()).text),
    );
    expect(texts).toEqual(golden.prompts.map(({ greedy_text }) => greedy_text));
  });

  it("has the published perplexity and sparsity", async () => {
    using model = await loadModel(path);
    const text = readFileSync(sharedPath("text/tinystories/tinystories_official_valid_first220.txt"), "utf8");
    const result = await model.evaluate(text, { context: 256, maxDocuments: golden.eval.documents });
    expect(result.tokens).toBe(golden.eval.tokens_predicted);
    expect(result.nll).toBeCloseTo(golden.eval.nll_per_token, 5);
    expect(result.perplexity).toBeCloseTo(golden.eval.perplexity, 4);
    expect(result.tls).toBeCloseTo(golden.eval.tls, 6);
    for (const [size, cls] of Object.entries(golden.eval.cls)) expect(result.cls?.[size]).toBeCloseTo(cls, 6);
    expect(result.reuseRatio).toBeCloseTo(golden.eval.reuse_ratio, 6);
  });
});
