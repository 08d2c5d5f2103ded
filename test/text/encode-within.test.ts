import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LimitError } from "../../src/errors.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { byteLevelTokenizerJson } from "../helpers/byte-level-tokenizer.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const tiny = loadTokenizer(tinyTokenizerJson(), "tiny.json");
const byteLevel = loadTokenizer(byteLevelTokenizerJson(), "byte-level.json");
const TEXTS = [
  "",
  "hello and the world",
  "<s>a</s> b",
  "<|im_start|>     x",
  "你好 😀",
  " ".repeat(9000),
  "hello world ".repeat(3000),
  `${"é".repeat(5000)}😀\0`,
];

/** What is left of the event loop meanwhile: how often others could run. */
async function pauses(tokenizer: Tokenizer, text: string, limit: number): Promise<number> {
  let count = 0;
  await tokenizer.encodeWithin(text, limit, { pause: () => (count++, Promise.resolve()) });
  return count;
}

describe.each([
  ["tiny", tiny],
  ["byte-level", byteLevel],
])("%s", (_, tokenizer) => {
  it("gives the ids of encode, at exactly its limit too", async () => {
    for (const text of TEXTS) {
      const ids = tokenizer.encode(text);
      expect(tokenizer.leastTokens(text)).toBeLessThanOrEqual(ids.length);
      expect(await tokenizer.encodeWithin(text, ids.length)).toEqual(ids);
      expect(tokenizer.encode(text, { maxTokens: ids.length })).toEqual(ids);
      if (ids.length === 0) continue;
      const refused = expect.objectContaining({ name: "LimitError", field: "text", limit: ids.length - 1 }) as Error;
      await expect(tokenizer.encodeWithin(text, ids.length - 1)).rejects.toThrow(refused);
      expect(() => tokenizer.encode(text, { maxTokens: ids.length - 1 })).toThrow(refused);
    }
  });

  it("lets others run, and stays right when another text is encoded meanwhile", async () => {
    const texts = ["hello world ".repeat(30_000), "the and ".repeat(40_000), "x".repeat(100_000)];
    expect(await pauses(tokenizer, texts[0]!, 1e9)).toBeGreaterThan(0);
    const together = await Promise.all(texts.map((text) => tokenizer.encodeWithin(text, 1e9)));
    texts.forEach((text, i) => expect(together[i]).toEqual(tokenizer.encode(text)));
  });

  it("ends when it is aborted, before and on the way", async () => {
    await expect(tokenizer.encodeWithin("a", 9, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    const controller = new AbortController();
    const pause = (): Promise<void> => (controller.abort(new Error("gone")), Promise.resolve());
    await expect(tokenizer.encodeWithin("hello world ".repeat(30_000), 1e9, { signal: controller.signal, pause })).rejects.toThrow("gone");
  });
});

it("refuses by length alone, before any work", () => {
  expect(tiny.leastTokens("a".repeat(6000))).toBeGreaterThan(900);
  expect(() => tiny.encode("a".repeat(3_000_000), { maxTokens: 100 })).toThrow(LimitError);
});

describeShared("a real tokenizer", "tokenizers/minicpm4_73448.tokenizer.json", () => {
  const tokenizer = loadTokenizer(readFileSync(sharedPath("tokenizers/minicpm4_73448.tokenizer.json")), "minicpm");

  // The limit is the timeout: merging took 15.7 s on an idle machine when it was slower than n log n.
  it("gets through four runs of 250,000 spaces, and pauses", async () => {
    const text = Array.from({ length: 4 }, () => " ".repeat(250_000)).join("x");
    expect(await pauses(tokenizer, text, 1e9)).toBeGreaterThan(10);
    await expect(tokenizer.encodeWithin(text, 32_768)).rejects.toThrow(LimitError);
    await expect(tokenizer.encodeWithin("the".repeat(17_700), 2048)).rejects.toThrow(LimitError);
  }, 60_000);
});
