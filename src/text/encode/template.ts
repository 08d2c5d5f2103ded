import * as v from "valibot";
import { TokenizerError } from "../../errors.ts";
import { check, schemas } from "../schema.ts";
import type { TypedPart } from "../schema.ts";
import { steps, unsupported } from "./parts.ts";

/** Ids that the post-processor puts around a text: BOS in `before`, usually nothing in `after`. */
export interface Template {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const MAX_ITEMS = 16;
const Special = v.object({ SpecialToken: v.object({ id: v.string() }) });
const Text = v.object({ Sequence: v.object({ id: v.literal("A", "a template for one text can only hold A") }) });
const TemplateSchema = v.object({
  single: v.pipe(v.array(v.union([Special, Text])), v.maxLength(MAX_ITEMS)),
  special_tokens: v.union([v.array(v.unknown()), v.looseObject({})]),
});
const EntrySchema = v.object({ ids: v.pipe(v.array(schemas.TokenId), v.maxLength(MAX_ITEMS)) });

/** A token with its id. */
const Pair = v.tuple([v.string(), schemas.TokenId]);
const AroundSchema = v.object({ cls: Pair, sep: Pair });

/** BERT's and RoBERTa's: one token before a text and one after it. Their other options move offsets only. */
function readAround(step: TypedPart, file: string, field: string): Template {
  const { cls, sep } = check(AroundSchema, step, file, field);
  return { before: [cls[1]], after: [sep[1]] };
}

const READERS = { TemplateProcessing: readSingle, BertProcessing: readAround, RobertaProcessing: readAround };

/**
 * Reads the post-processor of tokenizer.json: every type of `tokenizers`, one that sets tokens.
 * @throws TokenizerError for what is not supported.
 */
export function readTemplate(part: TypedPart | undefined, file: string): Template {
  if (part === undefined) return { before: [], after: [] };
  const field = "post_processor";
  const parts: [TypedPart, string][] = part.type === "Sequence" ? steps(part["processors"], file, `${field}.processors`) : [[part, field]];
  let template: Template | undefined;
  for (const [step, where] of parts) {
    // Moves offsets only; ids stay.
    if (step.type === "ByteLevel") continue;
    if (!Object.hasOwn(READERS, step.type) || template !== undefined) throw unsupported(step.type, file, where);
    template = READERS[step.type as keyof typeof READERS](step, file, where);
  }
  return template ?? { before: [], after: [] };
}

function readSingle(step: TypedPart, file: string, field: string): Template {
  const { single, special_tokens: entries } = check(TemplateSchema, step, file, field);
  const before: number[] = [];
  const after: number[] = [];
  let texts = 0;
  for (const item of single) {
    if ("Sequence" in item) {
      texts++;
      continue;
    }
    const name = item.SpecialToken.id;
    const entry: unknown = !Array.isArray(entries) && Object.hasOwn(entries, name) ? entries[name] : undefined;
    (texts === 0 ? before : after).push(...check(EntrySchema, entry, file, `${field}.special_tokens.${name.slice(0, 40)}`).ids);
  }
  if (texts !== 1) throw new TokenizerError("must hold the text A once", { file, field: `${field}.single` });
  return { before, after };
}
