import { describe, expect, it } from "vitest";
import { generate as generateAny } from "../../src/decode/generate.ts";
import type { Generation, GenerationResult, Piece } from "../../src/decode/generation.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import { LimitError, UsageError } from "../../src/errors.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { expectedTls, FakeModel, scripted } from "../helpers/fake-model.ts";
import { byteIds, TINY_VOCAB, tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const tokenizer = loadTokenizer(tinyTokenizerJson(), "tokenizer.json");

/** Plain decoding: what the other ways are compared with (speculative.test.ts). */
const generate: typeof generateAny = (model, text, prompt, options) => generateAny(model, text, prompt, { speculate: "off", ...options });

/** Greedy continuation, straight from the fake's definition. */
function continuation(model: FakeModel, prompt: readonly number[], count: number): number[] {
  const history = [...prompt];
  for (let i = 0; i < count; i++) history.push(model.next(history));
  return history.slice(prompt.length);
}

async function collect(generation: Generation): Promise<{ pieces: Piece[]; result: GenerationResult }> {
  const pieces: Piece[] = [];
  for await (const piece of generation) pieces.push(piece);
  return { pieces, result: await generation.result() };
}

/** Generates from a model that says `text`, byte by byte, then EOS. */
async function say(text: string, options: GenerateOptions = {}): Promise<{ pieces: Piece[]; result: GenerationResult }> {
  const model = new FakeModel({ vocabSize: TINY_VOCAB, contextLength: 512, eosTokenIds: [2], next: scripted(1, [...byteIds(text), 2]) });
  const ended = await collect(generate(model, tokenizer, [1], options));
  expect(model.sequences.size).toBe(0);
  return ended;
}

describe("generate", () => {
  it("gives one piece for each token, and their sum as the result", async () => {
    const model = new FakeModel({ vocabSize: TINY_VOCAB });
    const prompt = Array.from({ length: 20 }, (_, i) => i + 3);
    const { pieces, result } = await collect(generate(model, tokenizer, prompt, { maxTokens: 12 }));
    expect(result.tokens).toEqual(continuation(model, prompt, 12));
    expect(pieces.map(({ id }) => id)).toEqual(result.tokens);
    expect(pieces.map(({ index }) => index)).toEqual(result.tokens.map((_, i) => i));
    expect(pieces.map(({ text }) => text).join("")).toBe(result.text);
    expect(result).toMatchObject({ promptTokens: 20, finishReason: "length" });
    // The prompt in chunks of at most maxChunk, then token by token; the last token is not computed.
    expect(model.chunks).toEqual([8, 8, 4, ...Array.from({ length: 11 }, () => 1)]);
    expect(model.sequences.size).toBe(0);
  });

  it("encodes text prompts with BOS", async () => {
    const model = new FakeModel({ vocabSize: TINY_VOCAB });
    const { result } = await collect(generate(model, tokenizer, "tom", { maxTokens: 3 }));
    expect(result.promptTokens).toBe(5);
    expect(result.tokens).toEqual(continuation(model, [...tokenizer.encode("tom")], 3));
  });

  it("measures time and sparsity", async () => {
    const model = new FakeModel();
    const prompt = [1, 5, 9, 33, 2, 7, 7, 7, 50];
    const { result } = await collect(generate(model, undefined, prompt, { maxTokens: 6 }));
    expect(result.prefillTokensPerSecond).toBeCloseTo((9 * 1000) / result.prefillMs, 6);
    expect(result.decodeTokensPerSecond).toBeCloseTo((5 * 1000) / result.decodeMs, 6);
    // All tokens that were computed: the prompt and all new ones but the last.
    expect(result.tls).toBeCloseTo(expectedTls(model, [...prompt, ...result.tokens.slice(0, -1)]), 12);
    expect(result.text).toBe("");
  });

  it("has no sparsity for dense models, and no decode speed for one token", async () => {
    const { result } = await collect(generate(new FakeModel({ experts: 0 }), undefined, [1], { maxTokens: 1 }));
    expect(result).toMatchObject({ tls: null, decodeTokensPerSecond: 0 });
    expect(result.tokens).toHaveLength(1);
  });

  it("gives the result without being iterated", async () => {
    const model = new FakeModel();
    const generation = generate(model, undefined, [1, 2], { maxTokens: 4 });
    const [a, b] = await Promise.all([generation.result(), generation.result()]);
    expect(a).toBe(b);
    expect(a.tokens).toEqual(continuation(model, [1, 2], 4));
    expect(() => generation[Symbol.asyncIterator]()).toThrow(UsageError);
  });

  it("computes nothing before it is iterated", () => {
    const model = new FakeModel();
    generate(model, undefined, [1]);
    expect(model.chunks).toEqual([]);
    expect(model.sequences.size).toBe(0);
  });
});

describe("sampling", () => {
  const sample = async (seed?: number): Promise<GenerationResult> =>
    generate(new FakeModel(), undefined, [1, 2, 3], { maxTokens: 24, temperature: 2, ...(seed === undefined ? {} : { seed }) }).result();

  it("repeats itself with the same seed only", async () => {
    const first = await sample(7);
    expect(first.seed).toBe(7);
    expect((await sample(7)).tokens).toEqual(first.tokens);
    expect((await sample(8)).tokens).not.toEqual(first.tokens);
  });

  it("tells the seed that it drew", async () => {
    const first = await sample();
    expect((await sample(first.seed)).tokens).toEqual(first.tokens);
  });

  it("passes prompt and new tokens to the repetition penalty", async () => {
    // The likeliest token is always 9; a strong penalty lets it come once, and never when the prompt has it.
    const options: GenerateOptions = { maxTokens: 8, repetitionPenalty: 100 };
    const count = (result: GenerationResult): number => result.tokens.filter((id) => id === 9).length;
    expect(count(await generate(new FakeModel({ next: () => 9 }), undefined, [1], options).result())).toBe(1);
    expect(count(await generate(new FakeModel({ next: () => 9 }), undefined, [9], options).result())).toBe(0);
    expect(count(await generate(new FakeModel({ next: () => 9 }), undefined, [9], { maxTokens: 8 }).result())).toBe(8);
  });
});

describe("text", () => {
  const story = "é😀 ok — naïve 🇫🇮 日本";

  it("never splits a character", async () => {
    const { pieces, result } = await say(story);
    expect(result.text).toBe(story);
    for (const { text } of pieces) expect(text).not.toMatch(/\ufffd|^[\udc00-\udfff]|[\ud800-\udbff]$/);
  });

  it("shows half a character at the end as U+FFFD", async () => {
    const { result } = await say("a😀", { maxTokens: 3 });
    expect(result.text).toBe("a\ufffd");
  });

  it("keeps the space that a continuation starts with", async () => {
    const model = new FakeModel({
      vocabSize: TINY_VOCAB,
      next: scripted(4, [...tokenizer.encode("ab", { addBos: false }), 2]),
      eosTokenIds: [2],
    });
    const { result } = await collect(generate(model, tokenizer, [...tokenizer.encode("to")]));
    expect(result.text).toBe(" ab");
  });

  it("starts without the space when the prompt is no text", async () => {
    const model = new FakeModel({
      vocabSize: TINY_VOCAB,
      next: scripted(1, [...tokenizer.encode("ab", { addBos: false }), 2]),
      eosTokenIds: [2],
    });
    expect((await generate(model, tokenizer, [1]).result()).text).toBe("ab");
  });

  it.each([
    ["one two three", "two", "one "],
    ["one two three", ["three", "two"], "one "],
    ["aaaab", "aab", "aa"],
    ["say é!", "é", "say "],
    ["twtwo", "two", "tw"],
    ["END", "END", ""],
  ] as const)("of %j ends before %j", async (text, stop, expected) => {
    const { pieces, result } = await say(text, { stop });
    expect(result).toMatchObject({ text: expected, finishReason: "stop" });
    expect(pieces.map((piece) => piece.text).join("")).toBe(expected);
    expect(result.tokens.length).toBeLessThanOrEqual(byteIds(text).length);
  });

  it("gives back what only looked like a stop text", async () => {
    expect((await say("a tw", { stop: "two" })).result).toMatchObject({ text: "a tw", finishReason: "eos" });
    expect((await say("a two", { stop: "two", maxTokens: 4 })).result).toMatchObject({ text: "a tw", finishReason: "length" });
  });
});

describe("ends", () => {
  it("with an end-of-sequence token, unless told to ignore it", async () => {
    const { pieces, result } = await say("hi");
    expect(result).toMatchObject({ text: "hi", finishReason: "eos" });
    expect(result.tokens).toEqual([...byteIds("hi"), 2]);
    expect(pieces.at(-1)).toEqual({ text: "", id: 2, index: 2 });
    const model = new FakeModel({ vocabSize: TINY_VOCAB, next: () => 2, eosTokenIds: [2] });
    expect((await generate(model, tokenizer, [1], { ignoreEos: true, maxTokens: 5 }).result()).tokens).toEqual([2, 2, 2, 2, 2]);
  });

  it("when the context is full", async () => {
    const model = new FakeModel({ contextLength: 16 });
    const { result } = await collect(generate(model, undefined, [1, 2, 3, 4], { maxTokens: 100 }));
    expect(result.finishReason).toBe("context");
    // 16 places for prompt and new tokens; the last new token needs none.
    expect(result.tokens).toEqual(continuation(model, [1, 2, 3, 4], 13));
    const small = await generate(model, undefined, [1, 2, 3, 4], { maxTokens: 100, context: 4 }).result();
    expect(small).toMatchObject({ finishReason: "context", tokens: continuation(model, [1, 2, 3, 4], 1) });
  });

  it("at once when the prompt does not fit, telling the numbers", () => {
    const model = new FakeModel({ contextLength: 16 });
    const long = Array.from({ length: 17 }, () => 1);
    expect(() => generate(model, undefined, long)).toThrow(LimitError);
    expect(() => generate(model, undefined, long)).toThrow(/17 tokens.*16/);
    expect(() => generate(model, undefined, [1, 2, 3], { context: 2 })).toThrow(/3 tokens.*2/);
    expect(() => generate(model, undefined, [1], { context: 17 })).toThrow(UsageError);
  });

  it("when the consumer leaves", async () => {
    const model = new FakeModel();
    const generation = generate(model, undefined, [1], { maxTokens: 50 });
    for await (const { index } of generation) if (index === 2) break;
    expect(model.sequences.size).toBe(0);
    const result = await generation.result();
    expect(result).toMatchObject({ finishReason: "aborted", tokens: continuation(model, [1], 3) });
    const unstarted = generate(model, undefined, [1]);
    await unstarted[Symbol.asyncIterator]().return?.();
    expect(await unstarted.result()).toMatchObject({ finishReason: "aborted", tokens: [] });
  });

  it("with the error of the model, and frees the sequence", async () => {
    let calls = 0;
    const model = new FakeModel({
      next: () => {
        if (++calls === 3) throw new LimitError("out of memory");
        return 5;
      },
    });
    const generation = generate(model, undefined, [1]);
    const ids: number[] = [];
    await expect(
      (async () => {
        for await (const { id } of generation) ids.push(id);
      })(),
    ).rejects.toThrow("out of memory");
    expect(ids).toEqual([5, 5]);
    expect(model.sequences.size).toBe(0);
    await expect(generation.result()).rejects.toThrow("out of memory");
  });
});

describe("abort", () => {
  it("before the start computes nothing", async () => {
    const model = new FakeModel();
    const { pieces, result } = await collect(generate(model, undefined, [1], { signal: AbortSignal.abort() }));
    expect(pieces).toEqual([]);
    expect(result).toMatchObject({ finishReason: "aborted", tokens: [] });
    expect(model.chunks).toEqual([]);
  });

  it("between tokens keeps what there is", async () => {
    const model = new FakeModel({ vocabSize: TINY_VOCAB });
    const controller = new AbortController();
    const generation = generate(model, tokenizer, [1], { maxTokens: 50, signal: controller.signal });
    let text = "";
    for await (const piece of generation) {
      text += piece.text;
      if (piece.index === 3) controller.abort();
    }
    const result = await generation.result();
    expect(result).toMatchObject({ finishReason: "aborted", text, tokens: continuation(model, [1], 4) });
    expect(model.sequences.size).toBe(0);
  });

  it("between the chunks of a prompt", async () => {
    const controller = new AbortController();
    const model = new FakeModel({ contextLength: 1000 });
    const forward = model.newSequence.bind(model);
    model.newSequence = (options) => {
      const sequence = forward(options);
      const run = sequence.forward.bind(sequence);
      sequence.forward = (tokens, settings) => {
        if (model.chunks.length === 2) controller.abort();
        return run(tokens, settings);
      };
      return sequence;
    };
    const result = await generate(
      model,
      undefined,
      Array.from({ length: 800 }, () => 3),
      { signal: controller.signal },
    ).result();
    expect(result).toMatchObject({ finishReason: "aborted", tokens: [] });
    expect(model.chunks).toEqual([8, 8, 8]);
  });

  it("comes through from a timer while nobody else gives way", async () => {
    const model = new FakeModel({ contextLength: 100_000, next: () => 3 });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    const result = await generate(model, undefined, [1], { maxTokens: 100_000, signal: controller.signal }).result();
    expect(result.finishReason).toBe("aborted");
    expect(result.tokens.length).toBeGreaterThan(0);
  });
});

describe("several generations at once", () => {
  it("give the same tokens as alone", async () => {
    const prompts = [[1, 2, 3], [4], Array.from({ length: 19 }, (_, i) => i)];
    const options = [{ maxTokens: 20 }, { maxTokens: 15, temperature: 1.5, seed: 3 }, { maxTokens: 25, temperature: 1, topK: 5, seed: 4 }];
    const model = new FakeModel();
    const alone: (readonly number[])[] = [];
    for (const [i, prompt] of prompts.entries()) alone.push((await generate(model, undefined, prompt, options[i]).result()).tokens);
    const together = await Promise.all(prompts.map((prompt, i) => generate(model, undefined, prompt, options[i]).result()));
    expect(together.map(({ tokens }) => tokens)).toEqual(alone);
    expect(model.sequences.size).toBe(0);
  });

  it("may be read in turns", async () => {
    const model = new FakeModel();
    const runs = [[1], [2]].map((prompt) => generate(model, undefined, prompt, { maxTokens: 10 })[Symbol.asyncIterator]());
    const ids: number[][] = [[], []];
    for (let i = 0; i < 10; i++) {
      for (const [r, run] of runs.entries()) ids[r]?.push(((await run.next()).value as Piece).id);
    }
    expect(ids).toEqual([continuation(model, [1], 10), continuation(model, [2], 10)]);
  });
});

describe("a long prompt", () => {
  const tokenizer = loadTokenizer(tinyTokenizerJson(), "tiny");
  const text = "ab".repeat(10_000);
  const model = (contextLength: number): FakeModel => new FakeModel({ vocabSize: TINY_VOCAB, contextLength, maxChunk: 512 });

  it("is encoded with the first piece, to what a short one gives", async () => {
    const ids = tokenizer.encode(text);
    const want = await generateAny(model(30_000), tokenizer, ids, { maxTokens: 3, speculate: "off" }).result();
    const got = await generateAny(model(30_000), tokenizer, text, { maxTokens: 3, speculate: "off" }).result();
    expect([got.tokens, got.text, got.promptTokens]).toEqual([want.tokens, want.text, ids.length]);
  });

  it("is refused at once where its length says so, else when it is encoded", async () => {
    expect(() => generateAny(model(100), tokenizer, text)).toThrow(/^prompt: has more than \d+ tokens, but the context holds 100/);
    const generation = generateAny(model(15_000), tokenizer, text);
    await expect(generation.result()).rejects.toThrow(
      expect.objectContaining({ name: "LimitError", field: "prompt", limit: 15_000 }) as Error,
    );
  });

  it("may be cancelled before and while it is encoded, or left", async () => {
    const controller = new AbortController();
    const pausing = Object.assign(model(300_000), { pause: () => (controller.abort(), Promise.resolve()) });
    const cancelled = await generateAny(pausing, tokenizer, text.repeat(12), { signal: controller.signal }).result();
    expect([cancelled.finishReason, cancelled.tokens, cancelled.text]).toEqual(["aborted", [], ""]);
    const before = await generateAny(model(30_000), tokenizer, text, { signal: AbortSignal.abort() }).result();
    expect(before.finishReason).toBe("aborted");
    const left = generateAny(model(30_000), tokenizer, text);
    await left[Symbol.asyncIterator]().return?.();
    expect((await left.result()).finishReason).toBe("aborted");
  });
});

describe("wrong arguments", () => {
  const model = new FakeModel();
  const wrong: [string, Record<string, unknown>][] = [
    ["maxTokens", { maxTokens: 0 }],
    ["maxTokens", { maxTokens: 1.5 }],
    ["maxTokens", { maxTokens: NaN }],
    ["maxTokens", { maxTokens: "9" }],
    ["context", { context: 0 }],
    ["temperature", { temperature: -1 }],
    ["temperature", { temperature: Infinity }],
    ["topK", { topK: -1 }],
    ["topP", { topP: 1.1 }],
    ["topP", { topP: NaN }],
    ["minP", { minP: -0.1 }],
    ["repetitionPenalty", { repetitionPenalty: 0 }],
    ["seed", { seed: -1 }],
    ["seed", { seed: 2 ** 53 }],
    ["stop", { stop: "" }],
    ["stop", { stop: ["a", 5] }],
    ["stop", { stop: Array.from({ length: 65 }, () => "x") }],
    ["stop", { stop: 5 }],
    ["stop", { stop: null }],
    ["stop", { stop: "x".repeat(5000) }],
    ["signal", { signal: {} }],
  ];
  it.each(wrong)("names %s in %j", (field, options) => {
    const call = (): unknown => generate(model, tokenizer, [1], options);
    expect(call).toThrow(UsageError);
    expect(call).toThrow(new RegExp(`^${field}(\\.\\d+)?: `));
  });

  it.each([[[]], [[64]], [[-1]], [[1.5]], [[NaN]], [["1"]], [{}], [null], [5]])("refuses the prompt %j", (prompt) => {
    const call = (): unknown => generate(model, tokenizer, prompt as unknown as number[]);
    expect(call).toThrow(UsageError);
    expect(call).toThrow(/^prompt: /);
  });

  it("needs a tokenizer for text", () => {
    expect(() => generate(model, undefined, "hi")).toThrow(UsageError);
    expect(() => generate(model, undefined, [1], { stop: "a" })).toThrow(UsageError);
  });
});
