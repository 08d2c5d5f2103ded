import { describe, expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { createDetokenizer } from "../../src/text/stream.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import { tokenizerCaseFile, tokenizerCaseName, tokenizerOptions as fixture, type TokenizerCase } from "../helpers/tokenizer-options.ts";

/** Decoders that are refused by name: those that look at neighbours, or at the end of a text. */
const REFUSED: readonly string[] = ["CTC", "Replace", "Metaspace", "stripping the end", "is missing"];

function load(one: TokenizerCase): Tokenizer | undefined {
  try {
    return loadTokenizer(tokenizerCaseFile(one), "case");
  } catch (error) {
    const { message, field } = error as TokenizerError;
    if (!(error instanceof TokenizerError) || field?.startsWith("decoder") !== true || !REFUSED.some((name) => message.includes(name)))
      throw error;
    return undefined;
  }
}

describe("ids are those of tokenizers", () => {
  it("for enough options, few of which are refused", () => {
    expect(fixture.cases.length).toBeGreaterThan(400);
    expect(fixture.cases.filter((one) => load(one) === undefined).length).toBeLessThan(8);
  });

  it.each(fixture.cases.map((one, i) => [i, tokenizerCaseName(one), one] as const))("%i %s", (_, __, one) => {
    const tokenizer = load(one);
    if (tokenizer === undefined) return;
    fixture.texts.forEach((text, i) => {
      const list = one.ids[i];
      if (list !== null && list !== undefined) expect(tokenizer.encode(text).join(" "), JSON.stringify(text)).toBe(fixture.lists[list]);
    });
    for (const [ids, skipped, all] of one.decoded ?? []) {
      expect(tokenizer.decode(ids), JSON.stringify(ids)).toBe(skipped);
      expect(tokenizer.decode(ids, { skipSpecial: false }), JSON.stringify(ids)).toBe(all);
      const stream = createDetokenizer(tokenizer);
      expect(ids.map((id) => stream.push(id)).join("") + stream.flush(), JSON.stringify(ids)).toBe(skipped);
    }
  });
});
