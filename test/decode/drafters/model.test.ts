import { describe, expect, it } from "vitest";
import { ModelDrafter } from "../../../src/decode/drafters/model.ts";
import { vocabularyDifference } from "../../../src/decode/drafters/vocabulary.ts";
import { generate } from "../../../src/decode/generate.ts";
import { checkTree } from "../../../src/decode/speculative/tree.ts";
import { ConfigError, UsageError } from "../../../src/errors.ts";
import { FakeTreeModel } from "../../helpers/fake-tree-model.ts";
import { hash } from "../../helpers/fake-model.ts";
import { tinyTokenizerJson } from "../../helpers/tiny-tokenizer.ts";

const next = (history: readonly number[]): number => hash(history.slice(-2)) % 40;
const base = (): FakeTreeModel => new FakeTreeModel({ next, maxChunk: 32, layers: 8 });

describe("ModelDrafter", () => {
  it("drafts the chain that the draft model would write, and likely siblings", () => {
    const draft = new FakeTreeModel({ next });
    const drafter = new ModelDrafter(draft, base(), 100);
    const history = [3, 5, 7, 9, 11, 13, 15, 17, 19, 21];
    drafter.accept(history);
    const tree = drafter.propose(6);
    checkTree(tree, 6);
    expect(tree.tokens[0]).toBe(21);
    let node = 0;
    for (let depth = 1; depth <= 4; depth++) {
      const token = next(history);
      node = tree.tokens.findIndex((id, i) => id === token && tree.parents[i] === node);
      expect(node).toBeGreaterThan(0);
      history.push(token);
    }
  });

  it("gives the same again, and goes on after what was accepted, whatever it had drafted", () => {
    const draft = new FakeTreeModel({ next, maxChunk: 3 });
    const one = new ModelDrafter(draft, base(), 100);
    const fresh = (tokens: number[]): unknown => {
      const other = new ModelDrafter(new FakeTreeModel({ next }), base(), 100);
      other.accept(tokens);
      return other.propose(5);
    };
    one.accept([3, 5, 7, 9, 11]);
    const tree = one.propose(5);
    expect(one.propose(5)).toEqual(tree);
    expect(tree).toEqual(fresh([3, 5, 7, 9, 11]));
    one.accept([8]);
    expect(one.propose(5)).toEqual(fresh([3, 5, 7, 9, 11, 8]));
    one.accept([next([11, 8]), 2, 4]);
    expect(one.propose(5)).toEqual(fresh([3, 5, 7, 9, 11, 8, next([11, 8]), 2, 4]));
    one.reset();
    one.accept([6]);
    expect(one.propose(5)).toEqual(fresh([6]));
    one.dispose();
    expect(draft.alive.size).toBe(0);
  });

  it("has no guess beyond the draft model's own context", () => {
    const drafter = new ModelDrafter(new FakeTreeModel({ next, contextLength: 6 }), base(), 100);
    drafter.accept([1, 2, 3, 4]);
    expect(drafter.propose(8).tokens.length).toBeGreaterThan(2);
    drafter.accept([5, 6]);
    expect(drafter.propose(8).tokens.length).toBeGreaterThan(1);
    drafter.accept([7]);
    expect(drafter.propose(8)).toEqual({ tokens: [7], parents: [-1] });
  });

  it("changes nothing but the number of rounds", async () => {
    for (const [name, draft] of [
      ["good", new FakeTreeModel({ next })],
      ["bad", new FakeTreeModel({ next: (h) => h.length % 7 })],
      ["short", new FakeTreeModel({ next, contextLength: 20 })],
    ] as const) {
      for (const sampling of [{}, { temperature: 1, topK: 8, repetitionPenalty: 1.2, seed: 5 }]) {
        const model = base();
        const plain = await generate(model, undefined, [1, 2, 3], { maxTokens: 60, ...sampling, speculate: "off" }).result();
        for (const speculate of ["model", "auto"] as const) {
          const fast = await generate(model, undefined, [1, 2, 3], { maxTokens: 60, ...sampling, speculate, draftModel: draft }).result();
          expect(fast.tokens, name).toEqual(plain.tokens);
          expect(fast.tls).toEqual(plain.tls);
          expect(draft.alive.size).toBe(0);
          if (name === "good" && speculate === "model" && !("seed" in sampling)) expect(fast.acceptLength!).toBeGreaterThan(3);
        }
      }
    }
  });

  it("needs a token first", () => {
    expect(() => new ModelDrafter(base(), base(), 10).propose(4)).toThrow(UsageError);
  });
});

describe("the vocabulary of a draft model", () => {
  const withTokenizer = (tokenizerJson: Uint8Array, vocabSize = 64): FakeTreeModel => new FakeTreeModel({ tokenizerJson, vocabSize });
  const edited = (edit: (json: { model: { vocab: Record<string, number> }; version: string }) => void): Uint8Array => {
    const json = JSON.parse(new TextDecoder().decode(tinyTokenizerJson())) as { model: { vocab: Record<string, number> }; version: string };
    edit(json);
    return new TextEncoder().encode(JSON.stringify(json, undefined, 1));
  };

  it("must be the same, however its file is written", () => {
    const model = withTokenizer(tinyTokenizerJson());
    expect(vocabularyDifference(withTokenizer(tinyTokenizerJson()), model)).toBeUndefined();
    expect(vocabularyDifference(withTokenizer(edited((json) => (json.version = "2.0"))), model)).toBeUndefined();
    expect(vocabularyDifference(new FakeTreeModel(), model)).toBeUndefined();
    const other = withTokenizer(edited(({ model: { vocab } }) => ([vocab["a"], vocab["b"]] = [vocab["b"]!, vocab["a"]!])));
    expect(vocabularyDifference(other, model)).toMatch(/tokenizer has other tokens/);
    expect(() => generate(model, undefined, [1], { speculate: "auto", draftModel: other })).toThrow(ConfigError);
    expect(() => generate(model, undefined, [1], { speculate: "model", draftModel: withTokenizer(tinyTokenizerJson(), 65) })).toThrow(
      /its vocabulary has 65 tokens, not 64/,
    );
  });
});
