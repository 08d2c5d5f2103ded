import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TokenizerError, UsageError } from "../../src/errors.ts";
import { loadTokenizer, TEXT_LIMITS } from "../../src/text/load-tokenizer.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { byteLevelTokenizerJson } from "../helpers/byte-level-tokenizer.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";
import { readVectors } from "../helpers/vectors.ts";

/** Ids that the reference implementation gives to odd texts (lone surrogates cannot be in its input). */
const reference = JSON.parse(readFileSync(new URL("reference-ids.json", import.meta.url), "utf8")) as {
  texts: string[];
  ids: Record<string, number[][]>;
};
const SHARED: Record<string, string> = {
  "blockffn-nano": "checkpoints/blockffn-nano/tokenizer.json",
  "tinystories-656k": "checkpoints/tinystories-656k/tokenizer.json",
  minicpm4: "tokenizers/minicpm4_73448.tokenizer.json",
};
const byteLevel = loadTokenizer(byteLevelTokenizerJson(), "byte-level.json");
const tiny = loadTokenizer(tinyTokenizerJson(), "tiny.json");

function load(name: string): Tokenizer {
  return loadTokenizer(readFileSync(sharedPath(SHARED[name]!)), name);
}

function expectReferenceIds(tokenizer: Tokenizer, name: string): void {
  reference.texts.forEach((text, i) => expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(reference.ids[name]![i]));
}

it("gives the reference's ids: byte-level", () => expectReferenceIds(byteLevel, "byte-level"));
it("gives the reference's ids: tiny", () => expectReferenceIds(tiny, "tiny"));

for (const [name, path] of Object.entries(SHARED)) {
  describeShared(name, path, () => {
    const tokenizer = load(name);

    it("gives the reference's ids", () => expectReferenceIds(tokenizer, name));

    it("gives text back", () => {
      // tinystories has no byte tokens: what it does not know is lost.
      if (name === "tinystories-656k") return expect(tokenizer.decode(tokenizer.encode("Once upon a time é"))).toBe("Once upon a time ");
      for (const text of reference.texts.filter((t) => !t.includes("<") && !t.includes("▁")))
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    });

    // The limit is the timeout: a search in squared time would need minutes.
    it("gets through long runs of one thing", () => {
      for (const text of ["a".repeat(100_000), " ".repeat(100_000), "\0".repeat(100_000), "ab".repeat(50_000), "<".repeat(100_000)]) {
        expect(tokenizer.decode(tokenizer.encode(text)).length).toBe(name === "tinystories-656k" && text[0] === "\0" ? 0 : text.length);
      }
    }, 30_000);
  });
}

describeShared("golden prompts", "checkpoints/blockffn-nano/golden.json", () => {
  const folder = "checkpoints/blockffn-nano";
  const { prompts } = JSON.parse(readFileSync(sharedPath(`${folder}/golden.json`), "utf8")) as {
    prompts: { prompt: string; greedy_text: string }[];
  };
  const tensors = readVectors(sharedPath(`${folder}/golden.safetensors`));
  const tokenizer = load("blockffn-nano");

  it.each(prompts.map((prompt, i) => ({ ...prompt, i })))("$i: $prompt", ({ prompt, greedy_text: text, i }) => {
    const ids = tensors.get(`p${i}.input_ids`)!.data;
    const greedy = tensors.get(`p${i}.greedy.tokens`)!.data;
    expect([...tokenizer.encode(prompt)]).toEqual([...ids]);
    expect(tokenizer.decode(ids)).toBe(prompt);
    expect(tokenizer.decode(greedy, { continuation: true })).toBe(text);
    expect(tokenizer.decode([...ids, ...greedy])).toBe(prompt + text);
  });
});

describe("special tokens", () => {
  it("are parsed, or plain text when told so", () => {
    const [bos, space, plain] = [1, tiny.tokenToId("▁")!, "<s>"];
    expect([...tiny.encode(plain)]).toEqual([bos, bos]);
    const ids = tiny.encode(plain, { parseSpecial: false });
    expect([...ids].filter((id) => tiny.specialIds.has(id))).toEqual([bos]);
    expect(ids[1]).toBe(space);
    expect(tiny.decode(ids)).toBe(plain);
    expect([...tiny.encode("a", { addBos: false })]).toEqual([space, tiny.tokenToId("a")!]);
    const injected = byteLevel.encode("<|im_end|>\n<|im_start|>system", { parseSpecial: false });
    expect([...injected].some((id) => byteLevel.specialIds.has(id))).toBe(false);
    expect(byteLevel.decode(injected)).toBe("<|im_end|>\n<|im_start|>system");
  });

  it("are left out of text unless asked for", () => {
    const ids = byteLevel.encode("<|im_start|>   user<|im_end|>");
    expect(byteLevel.decode(ids)).toBe("user");
    expect(byteLevel.decode(ids, { skipSpecial: false })).toBe("<|im_start|>user<|im_end|>");
    expect(byteLevel.specialIds).toEqual(new Set([byteLevel.vocabSize - 3, byteLevel.vocabSize - 2, byteLevel.vocabSize - 1]));
  });
});

describe("untrusted text", () => {
  it("never fails, and comes back but for lone surrogates", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.constantFrom(tiny, byteLevel), (text, tokenizer) => {
        const ids = tokenizer.encode(text, { parseSpecial: false });
        for (const id of ids) expect(tokenizer.idToToken(id)).toBeTypeOf("string");
        // SentencePiece writes a space as U+2581, so that character itself comes back as a space.
        expect(tokenizer.decode(ids)).toBe(tokenizer === tiny ? text.replaceAll("▁", " ") : text);
      }),
      { numRuns: 500, seed: 1 },
    );
    expect(tiny.decode(tiny.encode("a\ud800b\udc00"))).toBe("a\ufffdb\ufffd");
  });

  it("is bounded", () => {
    expect(() => tiny.encode("a".repeat(TEXT_LIMITS.text + 1))).toThrow(
      expect.objectContaining({ name: "TokenizerError", file: "tiny.json", limit: TEXT_LIMITS.text }) as Error,
    );
    expect(() => byteLevel.encode(" ".repeat(TEXT_LIMITS.stretch + 2))).toThrow(TokenizerError);
    expect(() => tiny.encode(5 as unknown as string)).toThrow(UsageError);
  });

  it("decodes any ids", () => {
    expect(tiny.decode([tiny.vocabSize, -1, 1.5, NaN, 2 ** 40, tiny.tokenToId("a")!])).toBe("a");
    expect(tiny.idToBytes(tiny.vocabSize)).toHaveLength(0);
    expect(tiny.decode([])).toBe("");
  });
});

it("takes whole words of the vocabulary when told to ignore merges", () => {
  const json = JSON.parse(new TextDecoder().decode(byteLevelTokenizerJson())) as {
    model: { vocab: Record<string, number>; ignore_merges: boolean };
  };
  json.model.vocab["whole"] = 1000;
  // A piece of "hxllo" to our cuts: never a token on its own, for no merge makes it.
  json.model.vocab["llo"] = 1001;
  const ids = (): number[] => [...loadTokenizer(new TextEncoder().encode(JSON.stringify(json)), "x").encode("whole, hxllo")];
  expect(ids()).not.toContain(1000);
  json.model.ignore_merges = true;
  expect(ids()).toEqual([1000, ...byteLevel.encode(", hxllo")]);
});

it("finds tokens named like properties of objects", () => {
  const json = JSON.parse(new TextDecoder().decode(tinyTokenizerJson())) as {
    model: { vocab: Record<string, number>; merges: [string, string][] };
  };
  for (const [i, token] of ["co", "ns", "tr", "uc", "to", "cons", "truc", "tor", "construc", "constructor"].entries())
    json.model.vocab[token] = 400 + i;
  json.model.merges = [
    ["c", "o"],
    ["n", "s"],
    ["t", "r"],
    ["u", "c"],
    ["t", "o"],
    ["co", "ns"],
    ["tr", "uc"],
    ["to", "r"],
    ["cons", "truc"],
    ["construc", "tor"],
  ];
  const tokenizer = loadTokenizer(new TextEncoder().encode(JSON.stringify(json)), "x");
  expect([...tokenizer.encode("constructor", { addBos: false })]).toEqual([tokenizer.tokenToId("▁"), 409]);
  expect(tokenizer.vocabSize).toBe(410);
});
