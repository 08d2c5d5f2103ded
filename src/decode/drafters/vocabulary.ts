import type { LoadedModel } from "../../engine/types.ts";

/** What of a tokenizer.json says which id is which text. */
interface TokenizerJson {
  readonly model?: { readonly vocab?: unknown };
  readonly added_tokens?: readonly { readonly id?: unknown; readonly content?: unknown }[];
}

/** Answers by base model and draft model: files are compared once. */
const compared = new WeakMap<LoadedModel, WeakMap<LoadedModel, string | undefined>>();

/** Why two models do not have the same vocabulary; undefined when they do, as far as their tokenizers tell. */
export function vocabularyDifference(draft: LoadedModel, base: LoadedModel): string | undefined {
  let answers = compared.get(base);
  if (answers === undefined) compared.set(base, (answers = new WeakMap()));
  if (!answers.has(draft)) answers.set(draft, difference(draft, base));
  return answers.get(draft);
}

function difference(draft: LoadedModel, base: LoadedModel): string | undefined {
  if (draft.config.vocabSize !== base.config.vocabSize)
    return `its vocabulary has ${draft.config.vocabSize} tokens, not ${base.config.vocabSize}`;
  const [one, other] = [draft.tokenizerJson, base.tokenizerJson];
  if (one === undefined || other === undefined || sameBytes(one, other)) return undefined;
  const [ids, wanted] = [idsOf(one), idsOf(other)];
  return ids !== undefined && ids === wanted ? undefined : "its tokenizer has other tokens";
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Ids and texts in one string, as files may differ in how they are written; undefined for what is no tokenizer.json. */
function idsOf(json: Uint8Array): string | undefined {
  try {
    const { model, added_tokens } = JSON.parse(new TextDecoder().decode(json)) as TokenizerJson;
    const vocab = Array.isArray(model?.vocab)
      ? (model.vocab as unknown[])
      : Object.entries(model?.vocab ?? {}).sort(([x], [y]) => (x < y ? -1 : 1));
    return JSON.stringify([vocab, (added_tokens ?? []).map(({ id, content }) => [id, content])]);
  } catch {
    return undefined;
  }
}
