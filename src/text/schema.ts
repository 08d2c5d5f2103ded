import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import { parseJson } from "./json.ts";

/** Most ids a tokenizer may have. */
export const MAX_IDS = 1 << 19;
/** Longest entry of the vocabulary, in UTF-16 units. */
const MAX_TOKEN_LENGTH = 1024;
/** Longest added token in UTF-16 units: bounds the search for them at each place of a text. */
const MAX_ADDED_LENGTH = 128;

const TokenId = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_IDS - 1));
const Short = v.pipe(v.string(), v.nonEmpty(), v.maxLength(8));
const Flag = v.optional(v.nullable(v.boolean()), false);

const Affix = v.optional(v.nullable(v.pipe(v.string(), v.maxLength(16))));

const AddedTokenSchema = v.object({
  id: TokenId,
  content: v.pipe(v.string(), v.nonEmpty(), v.maxLength(MAX_ADDED_LENGTH)),
  single_word: Flag,
  lstrip: Flag,
  rstrip: Flag,
  normalized: v.optional(v.boolean()),
  special: Flag,
});

const Part = v.looseObject({ type: v.string() });
const Pattern = v.union([v.object({ String: Short }), v.object({ Regex: v.string() })]);

const ModelSchema = v.looseObject({
  type: v.optional(v.literal("BPE", "only BPE models are supported"), "BPE"),
  dropout: v.optional(v.nullable(v.literal(0, "dropout is for training"))),
  unk_token: v.optional(v.nullable(v.string())),
  continuing_subword_prefix: Affix,
  end_of_word_suffix: Affix,
  fuse_unk: Flag,
  byte_fallback: Flag,
  ignore_merges: Flag,
});

const FileSchema = v.looseObject({
  added_tokens: v.optional(v.nullable(v.array(AddedTokenSchema))),
  normalizer: v.optional(v.nullable(Part)),
  pre_tokenizer: v.optional(v.nullable(Part)),
  post_processor: v.optional(v.nullable(Part)),
  decoder: v.optional(v.nullable(Part)),
  model: ModelSchema,
});

/** Schemas of the parts that several modules read. */
export const schemas = { TokenId, Short, Flag, Part, Pattern };

export type AddedToken = v.InferOutput<typeof AddedTokenSchema>;
export type TypedPart = v.InferOutput<typeof Part>;

export interface BpeModel extends Omit<v.InferOutput<typeof ModelSchema>, "type"> {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
}

/** A tokenizer.json whose vocabulary, merges and added tokens have been checked; the other parts still have to be. */
export interface TokenizerFile {
  readonly file: string;
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: TypedPart | undefined;
  readonly preTokenizer: TypedPart | undefined;
  readonly postProcessor: TypedPart | undefined;
  readonly decoder: TypedPart | undefined;
  readonly model: BpeModel;
}

/** Checks a value against a schema. @throws TokenizerError naming the field. */
export function check<S extends v.GenericSchema>(schema: S, value: unknown, file: string, field: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = [field, v.getDotPath(issue)].filter((part) => part !== "" && part !== null).join(".");
  throw new TokenizerError(issue.message.slice(0, 200), path === "" ? { file } : { file, field: path });
}

/** Reads and checks tokenizer.json. @throws TokenizerError with file and field. */
export function readTokenizerFile(json: Uint8Array, file: string): TokenizerFile {
  const raw = check(FileSchema, parseJson(json, file), file, "");
  const addedTokens = raw.added_tokens ?? [];
  const vocab = checkVocab(raw.model["vocab"], file);
  checkAdded(addedTokens, vocab, file);
  const merges = checkMerges(raw.model["merges"], vocab, raw.model.continuing_subword_prefix?.length ?? 0, file);
  const unknown = raw.model.unk_token ?? undefined;
  if (unknown !== undefined && !Object.hasOwn(vocab, unknown)) {
    throw new TokenizerError("is not in the vocabulary", { file, field: "model.unk_token" });
  }
  return {
    file,
    addedTokens,
    normalizer: raw.normalizer ?? undefined,
    preTokenizer: raw.pre_tokenizer ?? undefined,
    postProcessor: raw.post_processor ?? undefined,
    decoder: raw.decoder ?? undefined,
    model: { ...raw.model, vocab, merges },
  };
}

// Plain loops: valibot's record would copy 10^5 entries and drop tokens such as "constructor".
function checkVocab(value: unknown, file: string): Readonly<Record<string, number>> {
  const field = "model.vocab";
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TokenizerError("must be an object from token to id", { file, field });
  }
  const vocab = value as Record<string, unknown>;
  const seen = new Uint8Array(MAX_IDS);
  let count = 0;
  for (const token of Object.keys(vocab)) {
    const id = vocab[token];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= MAX_IDS) {
      throw new TokenizerError(`the id of ${quote(token)} must be an integer from 0 to ${MAX_IDS - 1}`, { file, field, limit: MAX_IDS });
    }
    if (seen[id] === 1) throw new TokenizerError(`two tokens have the id ${id}`, { file, field });
    if (token.length > MAX_TOKEN_LENGTH) {
      throw new TokenizerError(`the token of id ${id} has ${token.length} characters; the limit is ${MAX_TOKEN_LENGTH}`, {
        file,
        field,
        limit: MAX_TOKEN_LENGTH,
      });
    }
    seen[id] = 1;
    count++;
  }
  if (count === 0) throw new TokenizerError("is empty", { file, field });
  return vocab as Record<string, number>;
}

function checkAdded(tokens: readonly AddedToken[], vocab: Readonly<Record<string, number>>, file: string): void {
  const field = "added_tokens";
  const contents = new Set<string>();
  const ids = new Set<number>();
  tokens.forEach((token, i) => {
    const where = `${field}.${i}`;
    if (contents.has(token.content)) throw new TokenizerError(`${quote(token.content)} is there twice`, { file, field: where });
    if (ids.has(token.id)) throw new TokenizerError(`two added tokens have the id ${token.id}`, { file, field: where });
    if (Object.hasOwn(vocab, token.content) && vocab[token.content] !== token.id) {
      throw new TokenizerError(`${quote(token.content)} has another id in model.vocab`, { file, field: where });
    }
    contents.add(token.content);
    ids.add(token.id);
  });
}

/** @param skipped length of the prefix that the right token of a merge loses */
function checkMerges(value: unknown, vocab: Readonly<Record<string, number>>, skipped: number, file: string): [string, string][] {
  if (!Array.isArray(value)) throw new TokenizerError("must be a list of pairs", { file, field: "model.merges" });
  const merges = value as unknown[];
  // In place: the pairs of a large vocabulary take tens of megabytes.
  for (let i = 0; i < merges.length; i++) {
    const merge = merges[i];
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    const [left, right] = Array.isArray(pair) && pair.length === 2 ? (pair as [unknown, unknown]) : [];
    if (typeof left !== "string" || typeof right !== "string" || left === "" || right === "") {
      throw new TokenizerError("must be two tokens", { file, field: `model.merges.${i}` });
    }
    const result = left + right.slice(skipped);
    const missing = !Object.hasOwn(vocab, left)
      ? left
      : !Object.hasOwn(vocab, right)
        ? right
        : !Object.hasOwn(vocab, result)
          ? result
          : undefined;
    if (missing !== undefined) throw new TokenizerError(`${quote(missing)} is not in model.vocab`, { file, field: `model.merges.${i}` });
    merges[i] = pair;
  }
  return merges as [string, string][];
}

/** A token for an error message: quoted, control characters escaped, cut. */
export function quote(token: string): string {
  return JSON.stringify(token.length > 40 ? `${token.slice(0, 40)}…` : token);
}
