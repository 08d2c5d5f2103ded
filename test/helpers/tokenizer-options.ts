import { readFileSync } from "node:fs";

type Json = Record<string, unknown>;

/** A change to a small tokenizer, and what tokenizers makes of texts and ids with it. */
export interface TokenizerCase {
  readonly case: Json & {
    readonly added?: readonly Json[];
    readonly vocab?: number;
    readonly model?: Json;
    readonly merges?: readonly string[];
    readonly only?: readonly string[];
  };
  /** Places in `lists`; null where the reference fails. */
  readonly ids: readonly (number | null)[];
  /** Ids, their text, and their text with special tokens. */
  readonly decoded?: readonly (readonly [readonly number[], string, string])[];
}

/** What test/reference/tokenizer_options.py wrote. */
export const tokenizerOptions = JSON.parse(readFileSync(new URL("../text/fixtures/tokenizer-options.json", import.meta.url), "utf8")) as {
  readonly base: Json & {
    readonly added_tokens: readonly Json[];
    readonly model: Json & { readonly vocab: Json; readonly merges: readonly string[] };
  };
  readonly texts: readonly string[];
  readonly lists: readonly string[];
  readonly vocabularies: readonly Json[];
  readonly cases: readonly TokenizerCase[];
};

/** The tokenizer.json of a case. */
export function tokenizerCaseFile({ case: { added = [], vocab, model = {}, merges = [], only, ...parts } }: TokenizerCase): Uint8Array {
  const { base, vocabularies } = tokenizerOptions;
  return new TextEncoder().encode(
    JSON.stringify({
      ...base,
      ...parts,
      added_tokens: [...base.added_tokens, ...added],
      model: {
        ...base.model,
        ...model,
        vocab: { ...base.model.vocab, ...(vocab === undefined ? {} : vocabularies[vocab]) },
        merges: only ?? [...merges, ...base.model.merges],
      },
    }),
  );
}

/** A case in words. */
export function tokenizerCaseName(one: TokenizerCase): string {
  return JSON.stringify({ ...one.case, only: undefined }).slice(0, 200);
}
