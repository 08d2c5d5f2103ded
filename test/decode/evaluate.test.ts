import { describe, expect, it } from "vitest";
import { splitDocuments } from "../../src/decode/documents.ts";
import { evaluate, negativeLogLikelihood } from "../../src/decode/evaluate.ts";
import { traceExperts } from "../../src/decode/trace.ts";
import { UsageError } from "../../src/errors.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { expectedTls, expertIsActive, FakeModel } from "../helpers/fake-model.ts";
import { TINY_VOCAB, tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const tokenizer = loadTokenizer(tinyTokenizerJson(), "tokenizer.json");

describe("splitDocuments", () => {
  it("splits, strips, straightens quotes and leaves empty documents out", () => {
    const text = "  one \u2018a\u2019\n<|endoftext|>\n\n<|endoftext|>\u201ctwo\u201d<|endoftext|> three";
    expect(splitDocuments(text)).toEqual(["one 'a'", '"two"', "three"]);
    expect(splitDocuments(text, 2)).toEqual(["one 'a'", '"two"']);
    expect(splitDocuments(" ")).toEqual([]);
  });
});

describe("negativeLogLikelihood", () => {
  it("is -log softmax", () => {
    expect(negativeLogLikelihood(Float32Array.of(0, Math.log(3)), 0)).toBeCloseTo(Math.log(4), 6);
    expect(negativeLogLikelihood(Float32Array.of(5, 5, 5, 5), 2)).toBeCloseTo(Math.log(4), 12);
  });

  it("does not overflow", () => {
    expect(negativeLogLikelihood(Float32Array.of(1e30, 0), 0)).toBe(0);
    expect(negativeLogLikelihood(Float32Array.of(-1e4, -1e4), 1)).toBeCloseTo(Math.log(2), 12);
  });
});

describe("evaluate", () => {
  const documents = ["tom had a red car.", "a", "the old king sat by the fire and said nothing"];
  const text = documents.join("<|endoftext|>\n");

  /** Sum of negative log-likelihoods, one token at a time and by the plain formula. */
  function expectedNll(model: FakeModel, ids: Uint32Array): number {
    const sequence = model.newSequence();
    let sum = 0;
    for (let i = 0; i + 1 < ids.length; i++) {
      const logits = sequence.forward([ids[i] as number]).logits(0);
      const total = logits.reduce((acc, x) => acc + Math.exp(x), 0);
      sum -= (logits[ids[i + 1] as number] as number) - Math.log(total);
    }
    sequence.dispose();
    return sum;
  }

  it("refuses logits that are no numbers", async () => {
    const model = new FakeModel({ vocabSize: TINY_VOCAB });
    const newSequence = model.newSequence.bind(model);
    model.newSequence = (options) => {
      const sequence = newSequence(options);
      const forward = sequence.forward.bind(sequence);
      return Object.assign(sequence, {
        forward: (...args: Parameters<typeof forward>) => ({ ...forward(...args), logits: () => new Float32Array(TINY_VOCAB).fill(NaN) }),
      });
    };
    await expect(evaluate(model, tokenizer, text)).rejects.toMatchObject({ name: "FormatError", file: "fake", field: "logits" });
    expect(model.sequences.size).toBe(0);
  });

  it("gives each document a context of its own", async () => {
    const model = new FakeModel({ vocabSize: TINY_VOCAB, maxChunk: 8 });
    const seen: number[][] = [];
    const result = await evaluate(model, tokenizer, text, { onProgress: (done, total) => seen.push([done, total]) });
    const encoded = documents.map((document) => tokenizer.encode(document));
    const nllSum = encoded.reduce((sum, ids) => sum + expectedNll(model, ids), 0);
    const tokens = encoded.reduce((sum, ids) => sum + ids.length - 1, 0);
    expect(result).toMatchObject({ documents: 3, documentsCut: 0, tokens });
    expect(result.nllSum).toBeCloseTo(nllSum, 4);
    expect(result.nll).toBeCloseTo(nllSum / tokens, 6);
    expect(result.perplexity).toBeCloseTo(Math.exp(nllSum / tokens), 4);
    expect(seen).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
    expect(model.sequences.size).toBe(0);
  });

  it("counts sparsity over all tokens of all documents", async () => {
    const model = new FakeModel({ vocabSize: TINY_VOCAB, maxChunk: 8 });
    const result = await evaluate(model, tokenizer, text);
    const encoded = documents.map((document) => [...tokenizer.encode(document)]);
    const all = encoded.reduce((sum, ids) => sum + ids.length, 0);
    const tls = encoded.reduce((sum, ids) => sum + expectedTls(model, ids) * ids.length, 0) / all;
    expect(result.tls).toBeCloseTo(tls, 12);
    expect(result.cls?.["4"]).toBeCloseTo(expectedCls(model, encoded, 4), 12);
    expect(result.cls?.["16"]).toBeCloseTo(expectedCls(model, encoded, 16), 12);
    expect(result.reuseRatio).toBeGreaterThan(0);
  });

  it("cuts documents at the context and says how many", async () => {
    const model = new FakeModel({ vocabSize: TINY_VOCAB, maxChunk: 8 });
    const result = await evaluate(model, tokenizer, text, { context: 10, maxDocuments: 2 });
    expect(result).toMatchObject({ documents: 2, documentsCut: 1, tokens: 9 + 2 });
    const nll = expectedNll(model, tokenizer.encode(documents[0] as string).subarray(0, 10)) + expectedNll(model, tokenizer.encode("a"));
    expect(result.nllSum).toBeCloseTo(nll, 4);
  });

  it("has no sparsity for dense models", async () => {
    expect(await evaluate(new FakeModel({ vocabSize: TINY_VOCAB, experts: 0 }), tokenizer, text)).toMatchObject({
      tls: null,
      cls: null,
      reuseRatio: null,
    });
  });

  it("stops when aborted", async () => {
    const model = new FakeModel({ vocabSize: TINY_VOCAB });
    const controller = new AbortController();
    const work = evaluate(model, tokenizer, text, { signal: controller.signal, onProgress: () => controller.abort(new Error("enough")) });
    await expect(work).rejects.toThrow("enough");
    expect(model.sequences.size).toBe(0);
  });

  it("refuses what it cannot evaluate", async () => {
    const model = new FakeModel({ vocabSize: TINY_VOCAB });
    await expect(evaluate(model, undefined, text)).rejects.toThrow(UsageError);
    await expect(evaluate(model, tokenizer, " <|endoftext|> ")).rejects.toThrow(/^text: /);
    await expect(evaluate(model, tokenizer, text, { context: 1 })).rejects.toThrow(/^context: /);
    await expect(evaluate(model, tokenizer, text, { context: 129 })).rejects.toThrow(/^context: /);
    await expect(evaluate(model, tokenizer, text, { maxDocuments: 0 })).rejects.toThrow(/^maxDocuments: /);
    expect(model.sequences.size).toBe(0);
  });
});

describe("traceExperts", () => {
  it("joins the chunks' masks", async () => {
    const model = new FakeModel({ maxChunk: 4 });
    const ids = Uint32Array.from({ length: 11 }, (_, i) => (i * 13) % 64);
    const trace = await traceExperts(model, ids);
    expect(model.chunks).toEqual([4, 4, 3]);
    for (let layer = 0; layer < 2; layer++) {
      for (let place = 0; place < 11; place++) {
        for (let e = 0; e < 40; e++) {
          const word = trace[(layer * 11 + place) * 2 + (e >> 5)] as number;
          expect(((word >>> (e & 31)) & 1) === 1).toBe(expertIsActive(layer, place, ids[place] as number, e));
        }
      }
    }
    expect(model.sequences.size).toBe(0);
  });

  it("refuses dense models", async () => {
    await expect(traceExperts(new FakeModel({ experts: 0 }), Uint32Array.of(1))).rejects.toThrow(UsageError);
  });
});

/** Share of (layer, whole chunk, expert) where no token of the chunk uses the expert. */
function expectedCls(model: FakeModel, documents: readonly (readonly number[])[], size: number): number {
  let idle = 0,
    all = 0;
  for (const tokens of documents) {
    for (let start = 0; start + size <= tokens.length; start += size) {
      for (let layer = 0; layer < 2; layer++) {
        for (let e = 0; e < 40; e++) {
          all++;
          if (!tokens.slice(start, start + size).some((token, i) => expertIsActive(layer, start + i, token, e))) idle++;
        }
      }
    }
  }
  return idle / all;
}
