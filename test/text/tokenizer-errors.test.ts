import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { JSON_LIMITS } from "../../src/text/json.ts";
import { MAX_IDS } from "../../src/text/schema.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { byteLevelTokenizerJson } from "../helpers/byte-level-tokenizer.ts";
import { damages } from "../helpers/fuzz.ts";
import { tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

type Json = Record<string, unknown>;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const base = new TextDecoder().decode(tinyTokenizerJson());

/** The tiny tokenizer with a change. */
function changed(change: (json: Json, model: Json) => void): Uint8Array {
  const json = JSON.parse(base) as Json;
  change(json, json["model"] as Json);
  return encode(JSON.stringify(json));
}

function errorOf(bytes: Uint8Array): TokenizerError {
  try {
    loadTokenizer(bytes, "bad.json");
  } catch (error) {
    expect(error).toBeInstanceOf(TokenizerError);
    expect((error as TokenizerError).file).toBe("bad.json");
    expect((error as TokenizerError).message.length).toBeLessThan(400);
    return error as TokenizerError;
  }
  return expect.fail("was taken");
}

describe("a file that is not a tokenizer", () => {
  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["trailing text", `${base}x`],
    ["a string", '"x"'],
    ["null", "null"],
    ["an array", "[]"],
    ["an empty object", "{}"],
    ["deep arrays", "[".repeat(100_000)],
    ["deep objects", '{"a":'.repeat(100_000)],
    ["an open string", '"\\'],
  ])("%s", (_, text) => void errorOf(encode(text)));

  it("bytes that are not UTF-8", () => expect(errorOf(Uint8Array.of(0x22, 0xff, 0x22)).message).toMatch(/UTF-8/));
  it("too many bytes", () => expect(errorOf(new Uint8Array(JSON_LIMITS.bytes + 1)).limit).toBe(JSON_LIMITS.bytes));
  it.each(["[],", "{},", '"",'])("%s so often that it would take far more memory than the file has bytes", (item) => {
    const error = errorOf(encode(`[${item.repeat(2_000_000)}0]`));
    expect(error.message).toMatch(/bytes of memory/);
    expect(error.limit).toBeLessThan(4 * 6_000_003 + (31 << 20));
  });
});

describe("a field that is wrong", () => {
  const cases: [string, string, (json: Json, model: Json) => void][] = [
    ["no model", "model", (json) => delete json["model"]],
    ["another model", "model.type", (_, model) => (model["type"] = "Unigram")],
    ["no vocabulary", "model.vocab", (_, model) => delete model["vocab"]],
    ["a list for the vocabulary", "model.vocab", (_, model) => (model["vocab"] = [["a", 1]])],
    ["an empty vocabulary", "model.vocab", (_, model) => (model["vocab"] = {})],
    ["a text for an id", "model.vocab", (_, model) => ((model["vocab"] as Json)["a"] = "1")],
    ["a negative id", "model.vocab", (_, model) => ((model["vocab"] as Json)["new"] = -1)],
    ["a fractional id", "model.vocab", (_, model) => ((model["vocab"] as Json)["new"] = 0.5)],
    ["a huge id", "model.vocab", (_, model) => ((model["vocab"] as Json)["new"] = MAX_IDS)],
    ["an id twice", "model.vocab", (_, model) => ((model["vocab"] as Json)["new"] = 7)],
    ["a long token", "model.vocab", (_, model) => ((model["vocab"] as Json)["x".repeat(2000)] = 999)],
    ["no merges", "model.merges", (_, model) => delete model["merges"]],
    ["a merge of one", "model.merges.0", (_, model) => (model["merges"] = ["a"])],
    ["a merge of three", "model.merges.0", (_, model) => (model["merges"] = ["a b c"])],
    [
      "a merge of numbers",
      "model.merges.1",
      (_, model) => (Object.assign(model["vocab"] as Json, { ab: 900 }), (model["merges"] = ["a b", [1, 2]])),
    ],
    ["an empty half of a merge", "model.merges.0", (_, model) => (model["merges"] = [["", "a"]])],
    ["a merge into nothing", "model.merges.0", (_, model) => (model["merges"] = ["a b"])],
    ["an unknown token that is unknown", "model.unk_token", (_, model) => (model["unk_token"] = "<nope>")],
    ["dropout", "model.dropout", (_, model) => (model["dropout"] = 0.1)],
    ["a long suffix", "model.end_of_word_suffix", (_, model) => (model["end_of_word_suffix"] = "/".repeat(17))],
    ["a text for a flag", "model.byte_fallback", (_, model) => (model["byte_fallback"] = "yes")],
    ["added tokens without id", "added_tokens.0.id", (json) => (json["added_tokens"] = [{ content: "x" }])],
    [
      "an added token twice",
      "added_tokens.1",
      (json) =>
        (json["added_tokens"] = [
          { id: 500, content: "XX" },
          { id: 501, content: "XX" },
        ]),
    ],
    ["an added token against the vocabulary", "added_tokens.0", (json) => (json["added_tokens"] = [{ id: 500, content: "a" }])],
    ["an empty added token", "added_tokens.0.content", (json) => (json["added_tokens"] = [{ id: 500, content: "" }])],
    ["a normaliser of another kind", "normalizer.type", (json) => (json["normalizer"] = { type: "Precompiled" })],
    ["a normaliser without type", "normalizer.type", (json) => (json["normalizer"] = {})],
    [
      "too many steps",
      "normalizer",
      (json) =>
        (json["normalizer"] = {
          type: "Sequence",
          normalizers: Array.from({ length: 3 }, () => ({
            type: "Sequence",
            normalizers: Array.from({ length: 12 }, () => ({ type: "NFC" })),
          })),
        }),
    ],
    [
      "a replacement that grows",
      "normalizer.normalizers.1",
      (json) =>
        (json["normalizer"] = {
          type: "Sequence",
          normalizers: Array.from({ length: 3 }, () => ({ type: "Replace", pattern: { String: "a" }, content: "aaaaaaaa" })),
        }),
    ],
    ["a pre-tokenizer of another kind", "pre_tokenizer.type", (json) => (json["pre_tokenizer"] = { type: "UnicodeScripts" })],
    [
      "a regular expression of its own",
      "pre_tokenizer.pattern.Regex",
      (json) => (json["pre_tokenizer"] = { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated", invert: false }),
    ],
    ["a post-processor of another kind", "post_processor.type", (json) => (json["post_processor"] = { type: "PairProcessing" })],
    ["a post-processor of BERT without its tokens", "post_processor.cls", (json) => (json["post_processor"] = { type: "BertProcessing" })],
    [
      "a post-processor with a token that is none",
      "post_processor",
      (json) => (json["post_processor"] = { type: "RobertaProcessing", sep: ["</s>", 2], cls: ["<s>", 4000] }),
    ],
    ["a template without text", "post_processor.single", (json) => ((json["post_processor"] as Json)["single"] = [])],
    [
      "a template token without id",
      "post_processor.special_tokens.<s>",
      (json) => ((json["post_processor"] as Json)["special_tokens"] = {}),
    ],
    [
      "a template id without token",
      "post_processor",
      (json) => ((json["post_processor"] as Json)["special_tokens"] = { "<s>": { id: "<s>", ids: [5000], tokens: ["<s>"] } }),
    ],
    ["no decoder", "decoder", (json) => (json["decoder"] = null)],
    ["a decoder of another kind", "decoder.type", (json) => (json["decoder"] = { type: "CTC" })],
    [
      "decoders that grow",
      "decoder.decoders.1",
      (json) =>
        (json["decoder"] = {
          type: "Sequence",
          decoders: Array.from({ length: 8 }, () => ({ type: "Replace", pattern: { String: "a" }, content: "aaaaaaaa" })),
        }),
    ],
    [
      "a decoder that strips the end",
      "decoder.decoders.1.stop",
      (json) => (json["decoder"] = { type: "Sequence", decoders: [{ type: "Fuse" }, { type: "Strip", content: " ", start: 1, stop: 1 }] }),
    ],
    [
      "a decoder in another order",
      "decoder.decoders.1.type",
      (json) => (json["decoder"] = { type: "Sequence", decoders: [{ type: "Fuse" }, { type: "ByteFallback" }] }),
    ],
  ];
  it.each(cases)("%s: %s", (_, field, change) => expect(errorOf(changed(change)).field).toBe(field));
});

it("takes damaged files or says what is wrong, and what it takes, works", () => {
  let taken = 0;
  fc.assert(
    fc.property(damages, fc.constantFrom(tinyTokenizerJson(), byteLevelTokenizerJson()), (damage, bytes) => {
      try {
        const tokenizer = loadTokenizer(damage(bytes), "bad.json");
        tokenizer.decode(tokenizer.encode("hello <s> 😀"));
        taken++;
      } catch (error) {
        expect(error).toBeInstanceOf(TokenizerError);
      }
    }),
    { numRuns: 1500, seed: 3 },
  );
  expect(taken).toBeGreaterThan(10);
}, 60_000);

it("refuses a file that is cut short at any byte", () => {
  for (const json of [tinyTokenizerJson(), byteLevelTokenizerJson()]) {
    for (let length = 0; length < json.length; length++) {
      expect(() => loadTokenizer(json.slice(0, length), "bad.json"), `${length} bytes`).toThrow(TokenizerError);
    }
  }
}, 60_000);
