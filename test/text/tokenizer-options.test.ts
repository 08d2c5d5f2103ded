import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { createDetokenizer } from "../../src/text/stream.ts";
import { loadTokenizer, type Tokenizer } from "../../src/text/tokenizer.ts";

type Json = Record<string, unknown>;
interface Case {
  readonly case: Json & { readonly added?: readonly Json[]; readonly vocab?: number; readonly model?: Json; readonly merges?: readonly string[]; readonly only?: readonly string[] };
  /** Places in `lists`; null where the reference fails. */
  readonly ids: readonly (number | null)[];
  readonly decoded?: readonly (readonly [readonly number[], string, string])[];
}
const fixture = JSON.parse(readFileSync(new URL("fixtures/tokenizer-options.json", import.meta.url), "utf8")) as {
  readonly base: Json & { readonly added_tokens: readonly Json[]; readonly model: Json & { readonly vocab: Json; readonly merges: readonly string[] } };
  readonly texts: readonly string[];
  readonly lists: readonly string[];
  readonly vocabularies: readonly Json[];
  readonly cases: readonly Case[];
};

/** The file of a case, as test/reference/tokenizer_options.py makes it. */
function file({ added = [], vocab, model = {}, merges = [], only, ...parts }: Case["case"]): Uint8Array {
  const { base } = fixture;
  return new TextEncoder().encode(JSON.stringify({
    ...base, ...parts, added_tokens: [...base.added_tokens, ...added],
    model: { ...base.model, ...model, vocab: { ...base.model.vocab, ...(vocab === undefined ? {} : fixture.vocabularies[vocab]) }, merges: only ?? [...merges, ...base.model.merges] },
  }));
}

/** Decoders that are refused by name: those that look at neighbours, or at the end of a text. */
const REFUSED: readonly string[] = ["CTC", "Replace", "Metaspace", "stripping the end", "is missing"];

function load({ case: parts }: Case): Tokenizer | undefined {
  try {
    return loadTokenizer(file(parts), "case");
  } catch (error) {
    const { message, field } = error as TokenizerError;
    if (!(error instanceof TokenizerError) || field?.startsWith("decoder") !== true || !REFUSED.some((name) => message.includes(name))) throw error;
    return undefined;
  }
}

describe("ids are those of tokenizers", () => {
  it("for enough options, few of which are refused", () => {
    expect(fixture.cases.length).toBeGreaterThan(400);
    expect(fixture.cases.filter((one) => load(one) === undefined).length).toBeLessThan(8);
  });

  it.each(fixture.cases.map((one, i) => [i, JSON.stringify({ ...one.case, only: undefined }).slice(0, 200), one] as const))("%i %s", (_, __, one) => {
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
