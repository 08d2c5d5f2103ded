import * as v from "valibot";
import { ConfigError } from "../errors.ts";
import { parseJson } from "./json.ts";

/** How a model's makers want answers drawn, under the names and in the ranges of `GenerateOptions`. What they do not say is left out. */
export interface GenerationDefaults {
  /** 0: greedy. */
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly maxTokens?: number;
}

/** What transformers takes where generation_config.json says that it draws, but not how (`_get_default_generation_params`). */
const DRAWN = { temperature: 1, topK: 50 } as const;

const ranged = (least: number, most: number, what: string): v.GenericSchema<number> =>
  v.pipe(v.number(what), v.minValue(least, what), v.maxValue(most, what));
const Temperature = ranged(0, 100, "must be a number from 0 to 100");
const TopK = v.pipe(
  v.number("must be a whole number, 0 or more"),
  v.safeInteger("must be a whole number"),
  v.minValue(0, "must be 0 or more"),
);
const Share = ranged(0, 1, "must be a number from 0 to 1");
const Penalty = ranged(0.01, 100, "must be a number from 0.01 to 100");
const Tokens = v.pipe(v.number("must be a whole number"), v.safeInteger("must be a whole number"), v.minValue(1, "must be 1 or more"));

const FolderSchema = v.looseObject({
  do_sample: v.nullish(v.boolean("must be true or false")),
  temperature: v.nullish(Temperature),
  top_k: v.nullish(TopK),
  top_p: v.nullish(Share),
  min_p: v.nullish(Share),
  repetition_penalty: v.nullish(Penalty),
  max_new_tokens: v.nullish(Tokens),
});

const PackedSchema = v.object({
  temperature: v.optional(Temperature),
  topK: v.optional(TopK),
  topP: v.optional(Share),
  minP: v.optional(Share),
  repetitionPenalty: v.optional(Penalty),
  maxTokens: v.optional(Tokens),
});

/**
 * Reads generation_config.json as transformers does: without `do_sample` it is greedy, whatever else it says; with it, what it leaves out
 * has the defaults of `generate`.
 * @param config its bytes; undefined when there is none
 * @throws ConfigError naming the field.
 */
export function readGenerationDefaults(config: Uint8Array | undefined): GenerationDefaults | undefined {
  if (config === undefined) return undefined;
  const file = "generation_config.json";
  const fields = check(FolderSchema, parseJson(config, file, "other"), file, undefined);
  const drawn = fields.do_sample === true;
  return given({
    temperature: drawn ? (fields.temperature ?? DRAWN.temperature) : 0,
    topK: fields.top_k ?? (drawn ? DRAWN.topK : undefined),
    topP: fields.top_p ?? undefined,
    minP: fields.min_p ?? undefined,
    repetitionPenalty: fields.repetition_penalty ?? undefined,
    maxTokens: fields.max_new_tokens ?? undefined,
  });
}

/** Reads the defaults of a packed model, as JSON; undefined when there are none. @throws ConfigError naming file and field. */
export function parseGenerationDefaults(json: string | undefined, file: string, field: string): GenerationDefaults | undefined {
  if (json === undefined) return undefined;
  return given(check(PackedSchema, parseJson(new TextEncoder().encode(json), file, "other"), file, field));
}

function check<S extends v.GenericSchema>(schema: S, value: unknown, file: string, field: string | undefined): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = [field, v.getDotPath(issue)].filter((part) => part !== undefined && part !== null).join(".");
  throw new ConfigError(issue.message.slice(0, 200), path === "" ? { file } : { file, field: path });
}

/** Without what is undefined. */
function given(fields: { readonly [K in keyof GenerationDefaults]: GenerationDefaults[K] | undefined }): GenerationDefaults {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
