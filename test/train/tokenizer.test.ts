import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ConfigError, FormatError } from "../../src/errors.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { trainTokenizer } from "../../train/tokenizer/bpe-trainer.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";

const named = (text: string) => [{ name: "text.txt", text }];

describe("tokenizer training", () => {
  it("merges the most frequent pairs first", () => {
    const json = trainTokenizer(named("low low low low lower lower newest newest newest newest newest widest widest"), {
      vocabSize: 259 + 11 + 4,
      coverage: 1,
    });
    const { merges } = (JSON.parse(new TextDecoder().decode(json)) as { model: { merges: string[] } }).model;
    // Counts: "es", "st" 7 each, with the smaller ids first; then "est"; then "▁l" and "lo", "ow", 6 each.
    expect(merges.slice(0, 2)).toEqual(["e s", "es t"]);
    expect(merges.length).toBe(4);
  });

  it("round-trips any text, with bytes for what it has not seen", () => {
    const tokenizer = loadTokenizer(
      trainTokenizer(named("the cat sat on the mat. the dog sat too.\nthe end"), { vocabSize: 278 }),
      "tokenizer.json",
    );
    expect(tokenizer.vocabSize).toBe(278);
    for (const text of ["the cat", "  two  spaces", "Über 東京 🦊", "line\nbreak", "the the the"]) {
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
    expect(tokenizer.encode("the")[0]).toBe(1);
    expect(tokenizer.encode("the cat").length).toBeLessThan(6);
  });

  it("says what does not fit", () => {
    expect(() => trainTokenizer(named("abc abc"), { vocabSize: 260 })).toThrow(ConfigError);
    expect(() => trainTokenizer(named("abc abc"), { vocabSize: 260 })).toThrow("too small");
    expect(() => trainTokenizer(named("abc abc"), { vocabSize: 1000 })).toThrow("the text fills");
    expect(() => trainTokenizer(named(" \n "), { vocabSize: 300 })).toThrow(FormatError);
    expect(() => trainTokenizer(named("a\0b"), { vocabSize: 300 })).toThrow("binary");
  });
});

describeShared("tokenizer training on stories", "text/tinystories/tinystories_train_first1000.txt", () => {
  it("packs as tightly as the default model's tokenizer", () => {
    const text = readFileSync(sharedPath("text/tinystories/tinystories_train_first1000.txt"), "utf8");
    const held = readFileSync(sharedPath("text/tinystories/tinystories_official_valid_first220.txt"), "utf8").slice(0, 100_000);
    const own = loadTokenizer(trainTokenizer(named(text), { vocabSize: 4096 }), "own");
    const nano = loadTokenizer(readFileSync(sharedPath("checkpoints/blockffn-nano/tokenizer.json")), "nano");
    expect(own.encode(held).length).toBeLessThan(1.05 * nano.encode(held).length);
    expect(own.decode(own.encode(held))).toBe(held);
  });
});
