import { describe, expect, it } from "vitest";
import { readAnswers, writeAnswers } from "../../src/suite/answers.ts";
import { modelCard, readAbout } from "../../src/suite/card.ts";
import { INSTRUCTIONS } from "../../src/suite/instructions.ts";
import { judge, type SuiteResult } from "../../src/suite/results.ts";
import type { BenchPrompt } from "../../src/suite/spec-bench.ts";
import { spread } from "../../src/suite/spread.ts";
import { runSuite, type TaughtAnswer } from "../../src/suite/suite.ts";
import { expectedTls, FakeModel } from "../helpers/fake-model.ts";
import { TINY_VOCAB, tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const chatTemplate = { source: "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}", bosToken: "<s>", eosToken: "</s>" };
/** @param shift tells models apart: each finds another token likeliest */
function chatModel(shift: number, options: ConstructorParameters<typeof FakeModel>[0] = {}): FakeModel {
  const next = (history: readonly number[]): number => 260 + ((history.length * 3 + shift) % 20);
  return Object.assign(
    new FakeModel({
      vocabSize: TINY_VOCAB,
      contextLength: 600,
      eosTokenIds: [262],
      frozenClock: true,
      tokenizerJson: tinyTokenizerJson(),
      next,
      ...options,
    }),
    { chatTemplate },
  );
}
const prompts: BenchPrompt[] = ["a", "b", "a", "c", "a", "b"].map((category, i) => ({
  question_id: i + 1,
  category,
  turns: [`question ${"xyz".slice(i % 3)}`],
}));

/** log softmax by the plain formula. */
function logSoftmax(logits: Float32Array): number[] {
  const total = logits.reduce((sum, x) => sum + Math.exp(x), 0);
  return Array.from(logits, (x) => x - Math.log(total));
}

describe("runSuite", () => {
  it("predicts the teacher's answers as one token at a time and the plain formulas do", async () => {
    const [model, teacher] = [chatModel(0), chatModel(5)];
    let written: readonly TaughtAnswer[] = [];
    const result = await runSuite(model, {
      teacher,
      prompts,
      answerCount: 4,
      loopAnswers: 2,
      onAnswers: async (answers) => {
        written = answers;
      },
    });
    expect(written.map(({ question_id }) => question_id)).toEqual([1, 2, 4, 3]);
    let [nll, taughtNll, kl, same, tokens] = [0, 0, 0, 0, 0];
    for (const { prompt, answer } of written) {
      const [own, theirs] = [model.newSequence(), teacher.newSequence()];
      const ids = [...Array.from(prompt), ...Array.from(answer)];
      for (let i = 0; i + 1 < ids.length; i++) {
        const [q, p] = [own, theirs].map((sequence) => logSoftmax(sequence.forward([ids[i] as number]).logits(0))) as [number[], number[]];
        if (i + 1 < prompt.length) continue;
        tokens++;
        nll -= q[ids[i + 1] as number] as number;
        taughtNll -= p[ids[i + 1] as number] as number;
        kl += p.reduce((sum, logP, id) => sum + Math.exp(logP) * (logP - (q[id] as number)), 0);
        if (q.indexOf(Math.max(...q)) === p.indexOf(Math.max(...p))) same++;
      }
      own.dispose();
      theirs.dispose();
    }
    expect(result.answers?.tokens).toBe(tokens);
    expect(result.answers?.perplexity).toBeCloseTo(Math.exp(nll / tokens), 4);
    expect(result.answers?.teacherPerplexity).toBeCloseTo(Math.exp(taughtNll / tokens), 4);
    expect(result.answers?.kl).toBeCloseTo(kl / tokens, 5);
    expect(result.answers?.same).toBeCloseTo(same / tokens, 12);
    expect(result.loops?.greedy).toMatchObject({ answers: 2 });
    expect(result.instructions).toMatchObject({ total: INSTRUCTIONS.length });
    expect(model.sequences.size + teacher.sequences.size).toBe(0);
  });

  it("finds no divergence from itself, and the sparsity of the text", async () => {
    const model = chatModel(0);
    const text = "the old king sat by the fire and said nothing. ".repeat(20);
    const result = await runSuite(model, { teacher: chatModel(0), text, pieces: 1 });
    expect(result.text?.kl).toBeCloseTo(0, 12);
    expect(result.text).toMatchObject({ same: 1, perplexity: result.text?.teacherPerplexity });
    const ids = Array.from((await import("../../src/text/load-tokenizer.ts")).loadTokenizer(tinyTokenizerJson(), "t").encode(text)).slice(
      0,
      600,
    );
    expect(result.text?.tokens).toBe(ids.length - 1);
    expect(result.text?.tls).toBeCloseTo(expectedTls(model, ids), 12);
    expect(result.answers).toBeNull();
    expect(result.loops).toBeNull();
  });

  it("counts loops, greedy and with the model's own settings", async () => {
    const model = chatModel(0, { next: () => 270 });
    const { loops } = await runSuite(model, { prompts, loopAnswers: 3, defaults: { temperature: 100 } });
    expect(loops).toEqual({
      greedy: { answers: 3, looped: 3, teacherLooped: null },
      default: { answers: 3, looped: 0, teacherLooped: null },
    });
  });

  it("gives the same answers and figures again, from the answers that were kept too", async () => {
    let file = "";
    const settings = { prompts, answerCount: 3, loopAnswers: 1 };
    const first = await runSuite(chatModel(0), {
      ...settings,
      teacher: chatModel(5),
      onAnswers: async (answers) => {
        file = writeAnswers(answers);
      },
    });
    const second = await runSuite(chatModel(0), { ...settings, teacher: chatModel(5), answers: readAnswers(file, "answers.jsonl") });
    expect(second).toEqual(first);
    expect(() => readAnswers(`${file}{"question_id":1}\n`, "answers.jsonl")).toThrow(
      expect.objectContaining({ name: "FormatError", file: "answers.jsonl", field: "line 4" }),
    );
  });

  it("refuses what makes no sense, and ends when it is told to", async () => {
    await expect(runSuite(new FakeModel({ tokenizerJson: tinyTokenizerJson() }))).rejects.toMatchObject({
      name: "UsageError",
      field: "model",
    });
    await expect(runSuite(chatModel(0), { teacher: chatModel(0, { vocabSize: TINY_VOCAB + 1 }) })).rejects.toMatchObject({
      name: "UsageError",
      field: "teacher",
    });
    await expect(runSuite(chatModel(0), { prompst: [] } as object)).rejects.toMatchObject({ name: "UsageError" });
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(runSuite(chatModel(0), { signal })).rejects.toThrow("enough");
  });
});

it("takes prompts of all kinds in turns", () => {
  expect(spread(prompts, 5).map(({ question_id }) => question_id)).toEqual([1, 2, 4, 3, 6]);
  expect(spread(prompts, 100)).toHaveLength(6);
});

describe("the card", () => {
  const prediction = { tokens: 9, perplexity: 4.4, teacherPerplexity: 4, kl: 0.2, same: 0.8, tls: 0.83, cls8: 0.7, tlsPerLayer: [0.83] };
  const good = {
    answers: prediction,
    instructions: { total: 30, passed: 24, teacherPassed: 30, each: [] },
    loops: { greedy: { answers: 100, looped: 5, teacherLooped: 3 }, default: { answers: 100, looped: 0, teacherLooped: 0 } },
  };
  const result: SuiteResult = {
    model: { name: "m", quantization: "q4-all", tier: "simd" },
    teacher: { name: "t", quantization: "f32", tier: "simd" },
    settings: {
      answers: 96,
      answerTokens: 256,
      temperature: 0.8,
      seed: 1,
      pieces: 64,
      pieceTokens: 1024,
      loopAnswers: 100,
      loopTokens: 200,
    },
    text: prediction,
    ...good,
    bar: judge(good),
  };
  const about = {
    title: "m",
    licence: "Apache-2.0",
    teacher: { name: "t", licence: "Apache-2.0" },
    texts: [{ name: "books", licence: "public domain" }],
    tokens: 250e6,
  };

  it("calls a model experimental below the bar, and says why", () => {
    expect(judge(good)).toEqual({ met: true, missing: [] });
    expect(judge({ ...good, answers: { ...prediction, perplexity: 4.61 } }).missing).toEqual([expect.stringContaining("15.3 % worse")]);
    expect(judge({ ...good, instructions: { ...good.instructions, passed: 23 } }).met).toBe(false);
    expect(judge({ ...good, loops: { ...good.loops, greedy: { answers: 100, looped: 6, teacherLooped: 0 } } }).met).toBe(false);
    expect(judge({ ...good, answers: null, loops: null }).missing).toHaveLength(2);
    const text = modelCard({ ...result, bar: { met: false, missing: ["6 loop"] } }, readAbout(about, "about.json"));
    expect(text).toContain("**Experimental**: 6 loop.");
    expect(text).toContain("| 30 fixed instructions passed | 24 | 30 |");
    expect(text).toContain("books (public domain)");
    expect(text).toContain("250,000,000 tokens");
    expect(modelCard(result, readAbout(about, "about.json"))).not.toContain("Experimental");
  });

  it("is not written without the teacher's licence", () => {
    for (const teacher of [undefined, { name: "t" }, { name: "t", licence: " " }])
      expect(() => readAbout({ ...about, teacher }, "about.json")).toThrow(
        expect.objectContaining({ name: "UsageError", file: "about.json", field: expect.stringMatching(/^teacher/) as string }),
      );
  });
});
