import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runBlockffn as run } from "../../cli/blockffn.ts";
import type { Evaluation } from "../../src/decode/evaluate.ts";
import type { GenerationResult } from "../../src/decode/generation.ts";
import type { ModelSummary } from "../../src/load/summary.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { blockffn, fakeIo } from "../helpers/fake-io.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { TINY_VOCAB, tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);
const folderOf = (kind: Parameters<typeof writeTinyModel>[1], withTokenizer = true): string => {
  const path = at(`${kind}-${withTokenizer}`);
  mkdirSync(path, { recursive: true });
  return writeTinyModel(path, kind, withTokenizer);
};
const model = folderOf("block");
const tokenizer = loadTokenizer(tinyTokenizerJson(), "tokenizer.json");
const story = at("story.txt");
writeFileSync(story, "tom had a red car.<|endoftext|>the old king sat by the fire\n");

async function json<T>(args: readonly string[]): Promise<T> {
  const { code, out, err } = await blockffn([...args, "--json"]);
  expect(err).toBe("");
  expect(code).toBe(0);
  expect(out.trim().split("\n")).toHaveLength(1);
  return JSON.parse(out) as T;
}

function floats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

describe("generate", () => {
  it("streams text to stdout and one line of timings to stderr", async () => {
    const asJson = await json<GenerationResult>(["generate", "tom", "-m", model, "-n", "12", "--ignore-eos"]);
    const { code, out, err } = await blockffn(["generate", "tom", "-m", model, "-n", "12", "--ignore-eos"]);
    expect(code).toBe(0);
    expect(out.replace(/\n$/, "")).toBe(asJson.text.replace(/\n$/, ""));
    expect(err).toMatch(/^\[prompt 5 tokens at [\d.,]+\/s; 12 new at [\d.,]+\/s; [\d.]+ % of experts skipped; ended by length\]\n$/);
  });

  it("prints all that a program needs with --json", async () => {
    const result = await json<GenerationResult & { model: string; tier: string; quantization: string }>([
      "generate",
      "tom",
      "-m",
      model,
      "-n",
      "6",
      "--ignore-eos",
      "--tier",
      "scalar",
    ]);
    expect(result.tokens).toHaveLength(6);
    expect(result).toMatchObject({ promptTokens: 5, finishReason: "length", model, tier: "scalar", quantization: "f32" });
    expect(result.text).toBe(tokenizer.decode(result.tokens, { continuation: true }));
    for (const key of ["prefillTokensPerSecond", "decodeTokensPerSecond", "tls"] as const) expect(result[key]).toBeGreaterThan(0);
  });

  it("takes token ids, also without a tokenizer", async () => {
    const ids = [...tokenizer.encode("tom")].join(",");
    const asText = await json<GenerationResult>(["generate", "tom", "-m", model, "-n", "6"]);
    const withText = await json<GenerationResult>(["generate", "--tokens", ids, "-m", model, "-n", "6"]);
    expect(withText).toMatchObject({ tokens: asText.tokens, text: asText.text });
    const without = await json<GenerationResult>(["generate", "--tokens", ids, "-m", folderOf("block", false), "-n", "6"]);
    expect(without).toMatchObject({ tokens: asText.tokens, text: "" });
    expect(await blockffn(["generate", "tom", "-m", folderOf("block", false)])).toMatchObject({ code: 2 });
  });

  it("reads the prompt from a pipe", async () => {
    const args = ["generate", "-m", model, "-n", "6"];
    const piped = await blockffn(args, { stdinIsTty: false, stdin: "tom\n" });
    expect(piped.out).toBe((await blockffn([...args, "tom"])).out);
  });

  it("shows the prompt at a terminal", async () => {
    const args = ["generate", "tom", "-m", model, "-n", "3"];
    const plain = await blockffn(args);
    expect((await blockffn(args, { stdoutIsTty: true })).out).toBe(`\u001b[2mtom\u001b[0m${plain.out}`);
    expect((await blockffn(args, { stdoutIsTty: true, env: { NO_COLOR: "1" } })).out).toBe(`tom${plain.out}`);
  });

  it("computes the same dense, and in other weight types and tiers", async () => {
    const args = ["generate", "tom", "-m", model, "-n", "8", "--ignore-eos"];
    const sparse = await json<GenerationResult>(args);
    expect((await json<GenerationResult>([...args, "--ffn", "dense"])).tokens).toEqual(sparse.tokens);
    expect((await json<GenerationResult>([...args, "--ffn", "sparse", "--tier", "simd"])).tls).toBe(sparse.tls);
    expect(await json<GenerationResult>([...args, "--quantize", "q8"])).toMatchObject({ quantization: "q8" });
  });

  it("passes sampling options on", async () => {
    const draw = (...options: string[]): Promise<GenerationResult> =>
      json(["generate", "tom", "-m", model, "-n", "20", "--ignore-eos", "-t", "1.5", ...options]);
    const [first, again, other] = [await draw("--seed", "5"), await draw("--seed", "5"), await draw("--seed", "6")];
    expect(again.tokens).toEqual(first.tokens);
    expect(other.tokens).not.toEqual(first.tokens);
    const greedy = await json<GenerationResult>(["generate", "tom", "-m", model, "-n", "20", "--ignore-eos"]);
    for (const only of [
      ["--top-k", "1"],
      ["--top-p", "0.000001"],
      ["--min-p", "1"],
    ])
      expect((await draw("--seed", "5", ...only)).tokens).toEqual(greedy.tokens);
  });

  it("ends before a stop text, and when the context is full", async () => {
    const free = await json<GenerationResult>(["generate", "tom", "-m", model, "-n", "30", "--ignore-eos"]);
    const letter = [...free.text].find((c) => c.trim() !== "" && c !== "\ufffd") as string;
    const stopped = await json<GenerationResult>([
      "generate",
      "tom",
      "-m",
      model,
      "-n",
      "30",
      "--ignore-eos",
      "--stop",
      "nowhere",
      "--stop",
      letter,
    ]);
    expect(stopped).toMatchObject({ finishReason: "stop", text: free.text.slice(0, free.text.indexOf(letter)) });
    const full = await json<GenerationResult>(["generate", "tom", "-m", model, "--ignore-eos", "--context", "8"]);
    expect(full).toMatchObject({ finishReason: "context", tokens: free.tokens.slice(0, 4) });
  });

  it("prints what there is when interrupted", async () => {
    const io = fakeIo({
      out: async (text) => {
        io.stdout += text;
        io.interrupt();
      },
    });
    expect(await run(["generate", "tom", "-m", model, "-n", "90", "--ignore-eos"], io)).toBe(130);
    expect(io.stdout.trim()).not.toBe("");
    expect(io.stderr).toMatch(/ended by aborted\]\n$/);
  });
});

describe("logits", () => {
  const ids = [...tokenizer.encode("the old king sat")];

  it("writes float32 [n, vocab]", async () => {
    const out = at("all.f32");
    const { code, out: stdout, err } = await blockffn(["logits", "-m", model, "--tokens", ids.join(","), "--out", out]);
    expect({ code, stdout, err }).toEqual({ code: 0, stdout: "", err: `wrote ${out}: float32 [${ids.length}, ${TINY_VOCAB}]\n` });
    const all = floats(out);
    expect(all.length).toBe(ids.length * TINY_VOCAB);
    // The last row's largest logit is the token that greedy decoding takes.
    const last = all.subarray(-TINY_VOCAB);
    const { tokens } = await json<GenerationResult>(["generate", "--tokens", ids.join(","), "-m", model, "-n", "1"]);
    expect(last.indexOf(Math.max(...last))).toBe(tokens[0]);
  });

  it.each([
    ["1", "1"],
    ["3", "5"],
    ["17", "64"],
  ])("of the last %s tokens, in chunks of %s, has the same bits", async (last, chunk) => {
    await blockffn(["logits", "-m", model, "--tokens", ids.join(","), "--out", at("whole.f32")]);
    const { err } = await blockffn([
      "logits",
      "-m",
      model,
      "--tokens",
      ids.join(","),
      "--last",
      last,
      "--chunk",
      chunk,
      "--out",
      at("part.f32"),
    ]);
    expect(err).toMatch(/^wrote /);
    expect(floats(at("part.f32"))).toEqual(floats(at("whole.f32")).slice(-Number(last) * TINY_VOCAB));
  });
});

describe("eval", () => {
  it("prints every number as JSON", async () => {
    const result = await json<Evaluation>(["eval", "--text", story, "-m", model]);
    expect(result.tokens).toBe([..."tom had a red car.", ..."the old king sat by the fire"].length + 2);
    expect(result.perplexity).toBeCloseTo(Math.exp(result.nll), 9);
    expect(Object.keys(result.cls ?? {})).toEqual(["2", "4", "8", "16", "32"]);
    expect(result).toMatchObject({ documents: 2, documentsCut: 0 });
    for (const key of ["tls", "reuseRatio"] as const) expect(result[key]).toBeGreaterThan(0);
  });

  it("prints a table, and says what was cut", async () => {
    const { code, out } = await blockffn(["eval", "--text", story, "-m", model, "--context", "12", "--max-documents", "1"]);
    expect(code).toBe(0);
    expect(out).toMatch(
      /^documents {3}1 \(1 cut at the context's end\)\ntokens {6}11\nnll {9}[\d.]+\nperplexity {2}[\d.]+\ntls {9}[\d.]+ %\ncls 2 /,
    );
    expect(out).toContain("cls 32      no whole chunk\n");
  });

  it("works on dense models", async () => {
    expect(await json<Evaluation>(["eval", "--text", story, "-m", folderOf("llama")])).toMatchObject({
      tls: null,
      cls: null,
      reuseRatio: null,
    });
  });
});

describe("convert and inspect", () => {
  it.each(["f32", "q8", "q4", "q4-all"])("pack as %s, and generate from it", async (type) => {
    const out = at(`model.${type}.safetensors`);
    const { code, out: stdout, err } = await blockffn(["convert", model, "--out", out, "--quantize", type]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(err).toMatch(new RegExp(`^wrote .*: ${type}, [\\d.]+ KiB\n$`));
    const packed = await json<GenerationResult & { quantization: string }>(["generate", "tom", "-m", out, "-n", "5"]);
    const direct = await json<GenerationResult>(["generate", "tom", "-m", model, "-n", "5", "--quantize", type]);
    expect(packed).toMatchObject({ quantization: type, tokens: direct.tokens, text: direct.text });
  });

  it.each(["block", "llama", "mla", "moe", "deco"] as const)("count the same parameters of %s in both forms", async (kind) => {
    const source = folderOf(kind);
    const out = at(`${kind}.safetensors`);
    await blockffn(["convert", source, "--out", out]);
    const [from, packed] = [await json<ModelSummary>(["inspect", source]), await json<ModelSummary>(["inspect", out])];
    expect(from).toMatchObject({ format: "huggingface", weights: "f32" });
    expect(packed).toMatchObject({ format: "packed", weights: "q8", config: from.config, tokenizerBytes: from.tokenizerBytes });
    const counts = ({ parts }: ModelSummary): unknown => parts.map(({ part, parameters }) => [part, parameters]);
    expect(counts(packed)).toEqual(counts(from));
    expect(from.bytes).toBe(4 * from.parameters);
    expect(packed.bytes).toBeLessThanOrEqual(readFileSync(out).length);
  });

  it("tell people what is in a file", async () => {
    const { code, out } = await blockffn(["inspect", model]);
    expect(code).toBe(0);
    expect(out).toMatch(/ffn +3 experts of 4, ReLU router, norm rms\n/);
    expect(out).toMatch(/total +[\d,]+ +[\d,]+ +100\.0 %\n$/);
    expect((await blockffn(["inspect"], { defaultModel: model })).out).toBe(out);
  });

  it("draw a heat map", async () => {
    const out = at("experts.svg");
    const { code, err } = await blockffn(["inspect", model, "--heatmap", out, "--text", story, "--max-tokens", "20"]);
    expect(code).toBe(0);
    expect(err).toBe(`wrote ${out}: 20 tokens\n`);
    expect(readFileSync(out, "utf8")).toMatch(/^<svg [^]*<\/svg>\s*$/);
    const dense = await blockffn(["inspect", folderOf("llama"), "--heatmap", out, "--text", story]);
    expect(dense).toMatchObject({ code: 2 });
    expect(dense.err).toMatch(/has no experts to draw/);
  });
});
