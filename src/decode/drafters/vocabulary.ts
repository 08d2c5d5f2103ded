import type { LoadedModel } from "../../model/types.ts";

/** What of a tokenizer.json says which id is which text. */
interface TokenizerJson {
  readonly model?: { readonly vocab?: unknown };
  readonly added_tokens?: readonly { readonly id?: unknown; readonly content?: unknown }[];
}

/** Why two models do not have the same vocabulary; undefined when they do, as far as their tokenizers tell. */
export function vocabularyDifference(a: LoadedModel, b: LoadedModel): string | undefined {
  if (a.config.vocabSize !== b.config.vocabSize) return `its vocabulary has ${a.config.vocabSize} tokens, not ${b.config.vocabSize}`;
  const [one, other] = [a.tokenizerJson, b.tokenizerJson];
  if (one === undefined || other === undefined || sameBytes(one, other)) return undefined;
  return ids(one) === ids(other) ? undefined : "its tokenizer has other tokens";
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Ids and texts in one string; files may differ in how they are written. */
function ids(json: Uint8Array): string {
  const { model, added_tokens } = JSON.parse(new TextDecoder().decode(json)) as TokenizerJson;
  const vocab = Array.isArray(model?.vocab) ? (model.vocab as unknown[]) : Object.entries(model?.vocab ?? {}).sort(([x], [y]) => (x < y ? -1 : 1));
  return JSON.stringify([vocab, (added_tokens ?? []).map(({ id, content }) => [id, content])]);
}
