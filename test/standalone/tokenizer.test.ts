import { existsSync, readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { createDetokenizer } from "../../src/text/stream.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { byteLevelTokenizerJson } from "../helpers/byte-level-tokenizer.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { tokenizerCaseFile, tokenizerCaseName, tokenizerOptions } from "../helpers/tokenizer-options.ts";
import { tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";
import { WasiProbe } from "../helpers/wasi-probe.ts";

const TEXTS = [
  "",
  " ",
  "  two  spaces ",
  "Once upon a time",
  "\n\n\tTabs\r\nand lines\n",
  "naïve café — “quoted” …",
  "日本語のテキスト。。。。。。",
  "🙂👩‍👩‍👧 emoji\u{10ffff}",
  "a".repeat(3000),
  "<s>BOS</s> inside <unk> text<s>",
  "▁ metaspace ▁▁",
  "\ufeffBOM \ufffd \u0000 nul",
  'x = {"key": [1, 2.5e-3]};',
  "ÀÉÎ ẞ İı",
  " leading",
  "trailing ",
  "<0x41>",
  "\ud7ff\ue000",
];

const patterns = JSON.parse(readFileSync(new URL("../reference/patterns.json", import.meta.url), "utf8")) as string[];

let probe: WasiProbe;
beforeAll(async () => {
  probe = await WasiProbe.create();
});

const utf8 = new TextEncoder();
const encode = (text: string | Uint8Array): number[] => {
  const bytes = typeof text === "string" ? utf8.encode(text) : text;
  if (bytes.length === 0) probe.exports.encode(0, 0);
  else probe.with(bytes, (at, length) => probe.exports.encode(at, length));
  return Array.from(new Int32Array(probe.output().buffer));
};
/** The pieces of streamed ids. */
const decode = (ids: readonly number[], continuation: boolean): string[] => {
  probe.with(new Uint8Array(Int32Array.from(ids).buffer), (at, length) => probe.exports.decode(at, length / 4, continuation ? 1 : 0));
  return new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(probe.output()).split("\0");
};

function same(json: Uint8Array, texts: readonly string[]): void {
  const tokenizer = loadTokenizer(json, "tokenizer.json");
  // Tokens are stretches of the JSON: it stays where it is.
  probe.exports.loadTokenizer(probe.put(json), json.length);
  expect(probe.exports.failure()).toBe(0);
  for (const text of texts) expect(encode(text), JSON.stringify(text.slice(0, 60))).toEqual(Array.from(tokenizer.encode(text)));
  const random = createRandom(3);
  for (let run = 0; run < 200; run++) {
    const ids = Array.from(
      { length: 1 + (run % 12) },
      () => random.uint32() % Math.min(tokenizer.vocabSize + 2, run % 2 === 0 ? 300 : 1e9),
    );
    for (const continuation of [false, true]) {
      const stream = createDetokenizer(tokenizer, { continuation });
      const want = [...ids.map((id) => stream.push(id)), stream.flush()];
      if (want.join("").includes("\0")) continue;
      expect(decode(ids, continuation)).toEqual(want);
    }
  }
}

describe("tokenizer of the WASI command", () => {
  it("tiny: ids and text of src/text", () => same(tinyTokenizerJson(), TEXTS));

  it("byte-level: ids and text of src/text", () => same(byteLevelTokenizerJson(), TEXTS));

  it("merges, unknown characters, added tokens that strip and are normalised", () => {
    const file = JSON.parse(new TextDecoder().decode(tinyTokenizerJson())) as {
      model: { vocab: Record<string, number>; merges: unknown; byte_fallback: boolean; fuse_unk: boolean };
      added_tokens: object[];
    };
    const { vocab } = file.model;
    const next = (token: string): number => (vocab[token] ??= Object.keys(vocab).length);
    const merges = [
      ["t", "h"],
      ["th", "e"],
      ["▁", "the"],
      ["a", "a"],
      ["aa", "aa"],
      ["e", "e"],
      ["h", "e"],
      ["▁", "t"],
      ['"', "a"],
      ["a", "\\"],
    ];
    for (const token of ['"', "\\", "é", "\u2028"]) next(token);
    for (const pair of merges) next(pair.join(""));
    file.model.merges = merges;
    file.added_tokens.push(
      { id: Object.keys(vocab).length + 3, content: "<|im_end|>", lstrip: true, rstrip: true, normalized: false, special: true },
      { id: Object.keys(vocab).length + 4, content: "<|im_end|>x", lstrip: false, rstrip: false, normalized: false, special: false },
      { id: Object.keys(vocab).length + 5, content: "new word", lstrip: false, rstrip: true, normalized: true, special: false },
    );
    const texts = [
      ...TEXTS,
      "the theethee aaaaaaa",
      "\"a\\ 'a' \\\\",
      "é\u2028é",
      "hi \u00a0\u3000<|im_end|> \u2003\n there<|im_end|>xyz",
      "a new word  b new words",
      "new word",
    ];
    for (const fallback of [true, false]) {
      for (const fuse of [true, false]) {
        Object.assign(file.model, { byte_fallback: fallback, fuse_unk: fuse });
        same(utf8.encode(JSON.stringify(file)), texts);
        // Every character escaped, and merges as one string each.
        const escaped = JSON.stringify({ ...file, model: { ...file.model, merges: merges.map((pair) => pair.join(" ")) } }).replace(
          /[^\x20-\x7e]/g,
          (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
        );
        same(utf8.encode(escaped), texts);
      }
    }
  });

  it("gives the reference's ids and text for every option, or refuses it by name", () => {
    let taken = 0;
    for (const one of tokenizerOptions.cases) {
      try {
        const json = tokenizerCaseFile(one);
        probe.exports.loadTokenizer(probe.put(json), json.length);
        probe.check();
      } catch (error) {
        expect((error as Error).message, tokenizerCaseName(one)).toMatch(
          /not supported|is supported|ByteLevel|at most|makes a|needs a pre-tokenizer|is missing|must be/,
        );
        continue;
      }
      taken++;
      tokenizerOptions.texts.forEach((text, i) => {
        const list = one.ids[i];
        if (list === null || list === undefined) return;
        try {
          encode(text);
        } catch (error) {
          // What it cannot compose is refused.
          expect(JSON.stringify(one.case)).toContain('"NFC"');
          expect((error as Error).message).toContain("normalizer: this model's texts are in Unicode's form C (NFC)");
          expect(text).toMatch(/\u0301|\u1161/);
          return;
        }
        expect(encode(text).join(" "), `${tokenizerCaseName(one)} ${JSON.stringify(text)}`).toBe(tokenizerOptions.lists[list]);
      });
      for (const [ids, text] of one.decoded ?? [])
        expect(decode(ids, false).join(""), `${tokenizerCaseName(one)} ${ids.join()}`).toBe(text);
    }
    expect(taken).toBeGreaterThan(290);
  }, 60_000);

  it("reads bytes that are not UTF-8 as U+FFFD, as the Encoding Standard does", () => {
    probe.exports.loadTokenizer(probe.put(tinyTokenizerJson()), tinyTokenizerJson().length);
    const random = createRandom(5);
    for (let run = 0; run < 500; run++) {
      const bytes = Uint8Array.from(
        { length: 1 + (run % 9) },
        () => [0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xa0, 0xf0, 0x90, 0xf4, 0x8f, 0xff][random.uint32() % 12]!,
      );
      const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
      expect(encode(bytes)).toEqual(encode(text));
    }
  });

  it("refuses by name what it does not know, and what is malformed", () => {
    const refuse = (json: Uint8Array | string): string => {
      const bytes = typeof json === "string" ? utf8.encode(json) : json;
      try {
        probe.with(bytes, (at, length) => probe.exports.loadTokenizer(at, length));
      } catch (error) {
        return (error as Error).message;
      }
      return "taken";
    };
    const tiny = JSON.parse(new TextDecoder().decode(tinyTokenizerJson())) as Record<string, unknown> & { model: Record<string, unknown> };
    const change = (fields: object): string => refuse(JSON.stringify({ ...tiny, ...fields }));
    const model = (fields: object): string => change({ model: { ...tiny.model, ...fields } });
    expect(change({ pre_tokenizer: { type: "UnicodeScripts" } })).toContain('pre_tokenizer.type: the type "UnicodeScripts"');
    expect(change({ pre_tokenizer: { type: "Split", pattern: { Regex: "(a+)+" }, behavior: "Isolated" } })).toContain(
      "pre_tokenizer.pattern: this regular expression",
    );
    expect(change({ pre_tokenizer: { type: "Split", pattern: { Regex: "\\s+" }, behavior: "Odd" } })).toContain("pre_tokenizer.behavior");
    expect(change({ normalizer: { type: "NFD" } })).toContain('normalizer.type: the type "NFD"');
    expect(change({ decoder: { type: "WordPiece" } })).toContain('decoder.type: the type "WordPiece"');
    expect(change({ decoder: null })).toContain("decoder");
    expect(change({ post_processor: { type: "BertProcessing" } })).toContain('post_processor.type: the type "BertProcessing"');
    expect(model({ type: "Unigram" })).toContain("model.type: only BPE");
    expect(model({ vocab: {} })).toContain("model.vocab: is empty");
    expect(model({ vocab: { a: 1, b: 1 } })).toContain("model.vocab: two tokens have the id 1");
    expect(model({ vocab: { a: 1 << 20 } })).toContain("model.vocab");
    expect(model({ merges: [["a", "zzz"]] })).toContain("model.merges.0");
    expect(model({ merges: ["a b c"] })).toContain("model.merges.0: must be two tokens");
    expect(model({ unk_token: "nope" })).toContain("model.unk_token");
    expect(refuse("{")).toContain("tokenizer.json");
    expect(refuse(new Uint8Array([0x7b, 0xff, 0x7d]))).toContain("is not UTF-8");
    expect(refuse("[".repeat(10_000))).toContain("tokenizer.json");
    expect(refuse(`{"a":${"[".repeat(100)}${"]".repeat(100)}}`)).toContain("nests deeper");
  });
});

describe("words of the WASI command's tokenizer", () => {
  const file = JSON.parse(new TextDecoder().decode(byteLevelTokenizerJson())) as Record<string, unknown>;
  it.each(patterns)("splits text of all of Unicode as src/text does by %s", (Regex) => {
    const random = createRandom(11);
    const character = (): string => {
      const kind = random.uint32() % 8;
      const code = kind < 3 ? random.uint32() % 0x80 : kind < 5 ? random.uint32() % 0x600 : random.uint32() % (kind < 7 ? 0x3100 : 0x11fff);
      return code >= 0xd800 && code < 0xe000 ? " " : String.fromCodePoint(code).repeat(1 + (random.uint32() % 2));
    };
    const texts = Array.from({ length: 300 }, (_, i) => Array.from({ length: 1 + (i % 60) }, character).join(""));
    const split = { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false };
    // Each word gets a space, so that ids show where words begin.
    const bytes = { type: "ByteLevel", add_prefix_space: true, use_regex: false };
    same(utf8.encode(JSON.stringify({ ...file, pre_tokenizer: { type: "Sequence", pretokenizers: [split, bytes] } })), texts);
  });
});

describeShared("tokenizer of the WASI command: real ones", "tokenizers/minicpm4_73448.tokenizer.json", () => {
  const lines = (path: string): string[] =>
    readFileSync(sharedPath(path), "utf8")
      .split("\n")
      .filter((line) => line !== "");
  const real = [
    "tokenizers/minicpm4_73448.tokenizer.json",
    "checkpoints/blockffn-nano/tokenizer.json",
    "checkpoints/tinystories-656k/tokenizer.json",
    "checkpoints/blockffn-chat/tokenizer.json",
  ];
  it.each(real.filter((path) => existsSync(sharedPath(path))))(
    "%s: ids of src/text on stories, prompts and odd texts",
    { timeout: 120_000 },
    (path) => {
      const prompts = lines("text/spec_bench.jsonl").map(
        (line) => (JSON.parse(line) as { turns?: string[]; prompt?: string }).turns?.[0] ?? line,
      );
      const stories = lines("text/tinystories/tinystories_official_valid_first220.txt");
      same(readFileSync(sharedPath(path)), [
        ...TEXTS,
        ...prompts.slice(0, 480),
        ...stories.slice(0, 300),
        stories.join("\n").slice(0, 60_000),
      ]);
    },
  );
});

describeShared("tokenizer of the WASI command: the chat model's", "checkpoints/blockffn-chat/tokenizer.json", () => {
  const json = readFileSync(sharedPath("checkpoints/blockffn-chat/tokenizer.json"));

  it("the ids that tokenizers gives all prompts of Spec-Bench, as src/text does", () => {
    const { ids } = JSON.parse(readFileSync(new URL("../text/fixtures/chat-tokenizer-ids.json", import.meta.url), "utf8")) as {
      readonly ids: readonly (readonly [number, number])[];
    };
    const prompts = readFileSync(sharedPath("text/spec_bench.jsonl"), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .flatMap((line) => (JSON.parse(line) as { turns: string[] }).turns);
    const tokenizer = loadTokenizer(json, "tokenizer.json");
    probe.exports.loadTokenizer(probe.put(json), json.length);
    expect(probe.exports.failure()).toBe(0);
    const sums = (all: ArrayLike<number>): [number, number] => [all.length, crc32(new Uint8Array(Uint32Array.from(all).buffer))];
    expect(prompts.map((prompt) => sums(encode(prompt)))).toEqual(ids);
    expect(prompts.map((prompt) => sums(tokenizer.encode(prompt)))).toEqual(ids);
  });
});
