import { describe, expect, it } from "vitest";
import type { Drafter, DraftPlan, DraftTree } from "../../src/decode/drafters/drafter.ts";
import { NgramDrafter } from "../../src/decode/drafters/ngram.ts";
import { generate } from "../../src/decode/generate.ts";
import { Generation, type GenerationResult, type Piece } from "../../src/decode/generation.ts";
import { resolveOptions, type GenerateOptions } from "../../src/decode/options.ts";
import { FixedPolicy, PLAIN, type Policy } from "../../src/decode/guard/policy.ts";
import { SpeculativeRun } from "../../src/decode/speculative/speculative.ts";
import { LimitError } from "../../src/errors.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { scripted, hash } from "../helpers/fake-model.ts";
import { FakeTreeModel } from "../helpers/fake-tree-model.ts";
import { byteIds, TINY_VOCAB, tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const tokenizer = loadTokenizer(tinyTokenizerJson(), "tokenizer.json");

async function collect(generation: Generation): Promise<{ pieces: Piece[]; result: GenerationResult }> {
  const pieces: Piece[] = [];
  for await (const piece of generation) pieces.push(piece);
  return { pieces, result: await generation.result() };
}

/** All that must not depend on speculation. */
function same({ text, tokens, promptTokens, finishReason, tls }: GenerationResult): object {
  return { text, tokens, promptTokens, finishReason, tls };
}

/** A story that repeats itself, with characters of several bytes. */
const STORY = "é tom 😀 saw é tom 😀 saw é tom 😀 and é tom 😀 saw. The end is two words";

function storyteller(options: { contextLength?: number; maxChunk?: number } = {}): FakeTreeModel {
  return new FakeTreeModel({
    vocabSize: TINY_VOCAB,
    contextLength: 512,
    maxChunk: 64,
    eosTokenIds: [2],
    next: scripted(1, [...byteIds(STORY), 2]),
    ...options,
  });
}

async function both(
  model: FakeTreeModel,
  prompt: number[],
  options: GenerateOptions,
  speculate: "ngram" | "auto",
): Promise<[GenerationResult, GenerationResult]> {
  const plain = await collect(generate(model, tokenizer, prompt, { ...options, speculate: "off" }));
  const fast = await collect(generate(model, tokenizer, prompt, { ...options, speculate }));
  expect(same(fast.result)).toEqual(same(plain.result));
  expect(fast.pieces.map(({ id, index }) => ({ id, index }))).toEqual(plain.pieces.map(({ id, index }) => ({ id, index })));
  expect(fast.pieces).toEqual(plain.pieces);
  expect(model.alive.size).toBe(0);
  return [plain.result, fast.result];
}

describe.each(["ngram", "auto"] as const)("speculate %s gives what plain decoding gives", (speculate) => {
  it.each<[string, GenerateOptions]>([
    ["eos", {}],
    ["eos, ignored", { ignoreEos: true, maxTokens: 100 }],
    ["eos within a tree", { maxTokens: 256 }],
    ...[1, 2, 3, 17, 40].map((maxTokens): [string, GenerateOptions] => [`${maxTokens} tokens`, { maxTokens }]),
    ...[1, 2, 9, 33, 64].map((context): [string, GenerateOptions] => [`a context of ${context}`, { context }]),
    ["a stop text", { stop: "two" }],
    ["stop texts in a repetition", { stop: ["saw. ", "tom 😀 a"] }],
    ["a stop text that never comes", { stop: "two words!" }],
    ["a stop text at once", { stop: "é" }],
  ])("%s", async (_, options) => {
    await both(storyteller(), [1], options, speculate);
    await both(storyteller({ maxChunk: 3 }), [1], options, speculate);
  });

  it("on random continuations and prompts", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const next = (history: readonly number[]): number => hash([seed, ...history.slice(-1 - (seed % 3))]) % 12;
      const model = new FakeTreeModel({ vocabSize: TINY_VOCAB, contextLength: 200, maxChunk: 16, eosTokenIds: [11], next });
      await both(
        model,
        Array.from({ length: 1 + 7 * seed }, (_, i) => hash([seed, i]) % 9),
        { maxTokens: 80, ignoreEos: seed % 2 === 0 },
        speculate,
      );
    }
  });

  it("for dense models, without a tokenizer", async () => {
    const model = new FakeTreeModel({ experts: 0, next: (history) => history.length % 5 });
    const plain = await generate(model, undefined, [1, 2, 3], { maxTokens: 60, speculate: "off" }).result();
    const fast = await generate(model, undefined, [1, 2, 3], { maxTokens: 60, speculate }).result();
    expect(same(fast)).toEqual(same(plain));
    expect(fast.expertsPerChunk).toBeNull();
  });
});

describe("speculation", () => {
  it("accepts drafts where text repeats, and counts", async () => {
    const model = storyteller();
    const [plain, fast] = await both(model, [1], { maxTokens: 256 }, "ngram");
    expect(plain).toMatchObject({
      rounds: null,
      acceptLength: null,
      draftedTokens: null,
      acceptedTokens: null,
      expertsPerChunk: null,
      decisions: null,
    });
    const { rounds, acceptLength, draftedTokens, acceptedTokens, expertsPerChunk } = fast;
    expect(rounds!).toBeLessThan(0.75 * plain.tokens.length);
    expect(acceptedTokens!).toBeGreaterThan(20);
    expect(acceptedTokens!).toBeLessThan(draftedTokens!);
    expect(acceptLength!).toBeCloseTo(1 + acceptedTokens! / rounds!, 12);
    // A token activates a quarter of 40 experts, a chunk more.
    expect(expertsPerChunk!).toBeGreaterThan(10);
    expect(expertsPerChunk!).toBeLessThanOrEqual(40);
  });

  it("counts the experts of a chunk once", async () => {
    // Token 0 for ever, places 0..3 have the same experts: the chunk of places 1..3 has those of one token.
    const model = new FakeTreeModel({ next: () => 0 });
    const one = await generate(model, undefined, [0], { maxTokens: 2, speculate: "ngram" }).result();
    const three = await generate(model, undefined, [0], { maxTokens: 4, speculate: "ngram" }).result();
    expect(three).toMatchObject({ rounds: 1, acceptLength: 3, draftedTokens: 2, acceptedTokens: 2 });
    expect(three.expertsPerChunk).toBe(one.expertsPerChunk);
  });

  it("ends when the signal says so, between the tokens of a round", async () => {
    const model = new FakeTreeModel({ contextLength: 200, maxChunk: 32, next: () => 3 });
    const controller = new AbortController();
    const generation = generate(model, undefined, [3, 3], { maxTokens: 100, speculate: "ngram", signal: controller.signal });
    for await (const { index } of generation) if (index === 5) controller.abort();
    expect(await generation.result()).toMatchObject({ finishReason: "aborted", tokens: [3, 3, 3, 3, 3, 3] });
    expect(model.alive.size).toBe(0);
    const before = await collect(generate(model, undefined, [1], { signal: AbortSignal.abort(), speculate: "ngram" }));
    expect(before.result).toMatchObject({ finishReason: "aborted", tokens: [], rounds: 0, acceptLength: null });
  });

  it("ends when the consumer leaves", async () => {
    const model = new FakeTreeModel({ next: () => 3 });
    const generation = generate(model, undefined, [3, 3], { maxTokens: 50, speculate: "ngram" });
    for await (const { index } of generation) if (index === 3) break;
    expect((await generation.result()).tokens).toEqual([3, 3, 3, 3]);
    expect(model.alive.size).toBe(0);
  });

  it("may run beside others", async () => {
    const model = storyteller();
    const runs = [{ speculate: "off" }, {}, { speculate: "ngram" }, { speculate: "auto" }] as const;
    const results = await Promise.all(runs.map((options) => generate(model, tokenizer, [1], options).result()));
    for (const result of results) expect(same(result)).toEqual(same(results[0]!));
  });

  it.each<GenerateOptions>([
    { temperature: 0.8 },
    { temperature: 1.5, topK: 6 },
    { temperature: 1, topP: 0.8 },
    { temperature: 1, minP: 0.02 },
    { repetitionPenalty: 1.4 },
    { temperature: 0.7, topK: 20, topP: 0.95, minP: 0.01, repetitionPenalty: 1.2 },
  ])("draws what plain decoding draws from the same seed: %j", async (sampling) => {
    for (let seed = 0; seed < 6; seed++) {
      for (const speculate of ["ngram", "auto"] as const)
        await both(storyteller(), [1], { ...sampling, seed, maxTokens: 90, ignoreEos: seed % 2 === 0 }, speculate);
    }
  });

  it.each<[string, GenerateOptions]>([
    ["speculate: is eagle, but fake carries no EAGLE head", { speculate: "eagle" }],
    ["speculate: is model, which needs a draft model", { speculate: "model" }],
    ["draftModel: must be a loaded model, not 3", { draftModel: 3 as unknown as FakeTreeModel }],
    ["draftTokens: must be a whole number from 2 to 64", { speculate: "ngram", draftTokens: 1 }],
    [
      "fake: draftModel: cannot draft for fake: its vocabulary has 64 tokens",
      { speculate: "model", draftModel: new FakeTreeModel({ vocabSize: 64 }) },
    ],
  ])("is refused: %s", (message, options) => {
    expect(() => generate(storyteller(), tokenizer, [1], options)).toThrow(message);
  });

  it("takes as many nodes as it is told", async () => {
    const model = storyteller();
    const { decisions } = await generate(model, tokenizer, [1], { maxTokens: 100, speculate: "ngram", draftTokens: 5 }).result();
    expect(
      Object.keys(decisions!.rounds["ngram"]!)
        .map(Number)
        .every((nodes) => nodes <= 5),
    ).toBe(true);
    expect(Math.max(...model.chunks)).toBe(5);
  });

  it.each(["on", 1, null, ""])("refuses %j", (speculate) => {
    if (speculate === null) expect(resolveOptions({ speculate } as unknown as GenerateOptions).speculate).toBe("auto");
    else
      expect(() => resolveOptions({ speculate } as unknown as GenerateOptions)).toThrow(
        /^speculate: must be one of off, ngram, eagle, model, auto/,
      );
  });
});

/** Knows the model: the right continuation as a chain, with wrong siblings before each node. Records what it is given. */
class Oracle implements Drafter {
  readonly name = "oracle";
  readonly needsHidden = true;
  readonly nodes = 8;
  readonly prior = 0.5;
  readonly arrears = 0;
  readonly tokens: number[] = [];
  readonly hidden: number[][] = [];
  disposed = false;
  readonly #model: FakeTreeModel;

  constructor(model: FakeTreeModel) {
    this.#model = model;
  }

  plan(nodes: number): DraftPlan {
    return { cost: 0, depth: nodes };
  }

  accept(tokens: ArrayLike<number>, hidden?: readonly Float32Array[]): void {
    this.tokens.push(...Array.from(tokens));
    this.hidden.push(...hidden!.map((row) => Array.from(row)));
    // As an EAGLE head would, this ends all views of results.
    this.#model.generation++;
  }

  propose(maxNodes: number): DraftTree {
    const history = this.tokens.slice();
    const tree = { tokens: [history.at(-1)!], parents: [-1] };
    for (let at = 0; tree.tokens.length + 2 <= maxNodes; at = tree.tokens.length - 1) {
      const token = this.#model.next(history);
      history.push(token);
      tree.tokens.push((token + 1) % TINY_VOCAB, token);
      tree.parents.push(at, at);
    }
    return tree;
  }

  reset(): void {}

  dispose(): void {
    this.disposed = true;
  }
}

describe("any drafter", () => {
  const run = (model: FakeTreeModel, drafter: Drafter, options: GenerateOptions): Generation =>
    new Generation(
      new SpeculativeRun(model, tokenizer, Uint32Array.of(1, 5, 6, 7, 8), resolveOptions({ ...options, speculate: "ngram" }), 128, () => ({
        drafters: [drafter],
        policy: new FixedPolicy(drafter),
      })),
    );

  it("gets each token with the hidden state before it, and is disposed", async () => {
    const model = new FakeTreeModel({ vocabSize: TINY_VOCAB, maxChunk: 9 });
    const drafter = new Oracle(model);
    const plain = await generate(model, tokenizer, [1, 5, 6, 7, 8], { maxTokens: 40, speculate: "off" }).result();
    const result = await run(model, drafter, { maxTokens: 40 }).result();
    expect(same(result)).toEqual(same(plain));
    expect(drafter.tokens).toEqual([1, 5, 6, 7, 8, ...plain.tokens]);
    expect(drafter.hidden[0]).toEqual([]);
    // The fake's hidden state: how many tokens, and the last of them.
    expect(drafter.hidden.slice(1)).toEqual(drafter.tokens.slice(0, -1).map((token, i) => [i + 1, token]));
    expect(result.acceptLength!).toBeGreaterThan(3.5);
    expect(drafter.disposed).toBe(true);
  });

  it("that finds no memory is given up where another way is left", async () => {
    const model = new FakeTreeModel({ vocabSize: TINY_VOCAB, maxChunk: 9 });
    const drafter = new Oracle(model);
    let asked = 0;
    drafter.propose = () => {
      asked++;
      throw new LimitError("no memory");
    };
    const plain = await generate(model, tokenizer, [1, 5, 6, 7, 8], { maxTokens: 40, speculate: "off" }).result();
    let out = false;
    const policy: Policy = {
      rest: 0,
      listening: true,
      begin: () => {},
      choose: () => (out ? PLAIN : { drafter, nodes: 4 }),
      record: () => {},
      recordPlain: () => {},
      overhead: () => {},
      observe: () => {},
      giveUp: (given) => (out = given === drafter),
    };
    const options = resolveOptions({ maxTokens: 40, speculate: "auto" });
    const auto = new SpeculativeRun(model, tokenizer, Uint32Array.of(1, 5, 6, 7, 8), options, 128, () => ({ drafters: [drafter], policy }));
    expect(same(await new Generation(auto).result())).toEqual(same(plain));
    expect(asked).toBe(1);
    await expect(run(model, drafter, { maxTokens: 40 }).result()).rejects.toThrow("no memory");
    expect(model.alive.size).toBe(0);
  });

  it("is checked", async () => {
    const model = new FakeTreeModel({ vocabSize: TINY_VOCAB, maxChunk: 9 });
    const drafter = new NgramDrafter();
    drafter.propose = () => ({ tokens: [1, 2], parents: [-1, 1] });
    await expect(run(model, drafter, { maxTokens: 10 }).result()).rejects.toThrow(/tree\.parents\[1\]/);
    expect(model.alive.size).toBe(0);
  });
});
