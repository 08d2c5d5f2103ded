import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import { parseTokenizerJson } from "./json.ts";
import { quote } from "./quote.ts";
import { readMerges, type Merges } from "./merges.ts";
import { MAX_IDS, readVocab } from "./vocab.ts";

export { MAX_IDS } from "./vocab.ts";
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
  readonly vocab: ReadonlyMap<string, number>;
  readonly merges: Merges;
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
  const parsed = parseTokenizerJson(json, file);
  const raw = check(FileSchema, parsed.json, file, "");
  const addedTokens = raw.added_tokens ?? [];
  const vocab = readVocab(parsed.vocab, file);
  checkAdded(addedTokens, vocab, file);
  const merges = readMerges(parsed.merges, vocab, raw.model.continuing_subword_prefix?.length ?? 0, file);
  const unknown = raw.model.unk_token ?? undefined;
  if (unknown !== undefined && !vocab.has(unknown)) {
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

function checkAdded(tokens: readonly AddedToken[], vocab: ReadonlyMap<string, number>, file: string): void {
  const field = "added_tokens";
  const contents = new Set<string>();
  const ids = new Set<number>();
  tokens.forEach((token, i) => {
    const where = `${field}.${i}`;
    if (contents.has(token.content)) throw new TokenizerError(`${quote(token.content)} is there twice`, { file, field: where });
    if (ids.has(token.id)) throw new TokenizerError(`two added tokens have the id ${token.id}`, { file, field: where });
    const known = vocab.get(token.content);
    if (known !== undefined && known !== token.id) {
      throw new TokenizerError(`${quote(token.content)} has another id in model.vocab`, { file, field: where });
    }
    contents.add(token.content);
    ids.add(token.id);
  });
}
