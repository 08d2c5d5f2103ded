import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import { parseJson } from "./json.ts";
import { check } from "./schema.ts";

/** The files beside tokenizer.json that say more of its tokens; undefined where they are not there. */
export interface TokenizerConfigFiles {
  /** tokenizer_config.json */
  readonly config?: Uint8Array | undefined;
  /** special_tokens_map.json, read where tokenizer_config.json has no added_tokens_decoder. */
  readonly specialTokens?: Uint8Array | undefined;
  /** added_tokens.json, likewise. */
  readonly addedTokens?: Uint8Array | undefined;
}

/** A token that these files add to those of tokenizer.json. */
export interface ConfiguredToken {
  readonly content: string;
  readonly special: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly single_word: boolean;
  readonly normalized: boolean;
  /** What it changes of an added token that tokenizer.json has: all flags, makes it special, or nothing. */
  readonly changes: "flags" | "special" | "nothing";
}

/** In the order in which they are added. */
export type TokenizerConfig = readonly ConfiguredToken[];

const NAMES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] as const;
const Flag = v.nullish(v.boolean());
const Entry = v.object({ content: v.string(), special: Flag, lstrip: Flag, rstrip: Flag, single_word: Flag, normalized: Flag });
const Token = v.union([v.string(), Entry]);
const Extra = v.nullish(v.union([v.array(Token), v.record(v.string(), Token)]));
const Named = v.nullish(Token);
// What it does not name is not copied: a stranger's file may have any number of fields.
const Schema = v.object({
  bos_token: Named,
  eos_token: Named,
  unk_token: Named,
  sep_token: Named,
  pad_token: Named,
  cls_token: Named,
  mask_token: Named,
  extra_special_tokens: Extra,
  additional_special_tokens: Extra,
});

/**
 * Fields of tokenizer_config.json, with those of special_tokens_map.json over them where transformers reads that.
 * @throws TokenizerError
 */
export function tokenizerFields({ config, specialTokens }: TokenizerConfigFiles): Readonly<Record<string, unknown>> {
  const fields = config === undefined ? {} : readFields(config, "tokenizer_config.json");
  if (specialTokens === undefined || "added_tokens_decoder" in fields) return fields;
  const map = Object.entries(readFields(specialTokens, "special_tokens_map.json"));
  return { ...fields, ...Object.fromEntries(map.filter(([key]) => key === "chat_template" || /_tokens?$/.test(key))) };
}

function readFields(bytes: Uint8Array, file: string): Record<string, unknown> {
  const json = parseJson(bytes, file, "other");
  if (isRecord(json)) return json;
  throw new TokenizerError("must be an object", { file });
}

/**
 * The tokens that a model folder adds to its tokenizer.json, as PreTrainedTokenizerBase.from_pretrained and TokenizersBackend of
 * transformers 5 find them: added_tokens_decoder by id, or added_tokens.json, then the named special tokens, then the extra ones.
 * @throws TokenizerError naming file and field.
 */
export function readTokenizerConfig(files: TokenizerConfigFiles): TokenizerConfig {
  const file = "tokenizer_config.json";
  const fields = tokenizerFields(files);
  const parsed = check(Schema, fields, file, "");
  const { extra_special_tokens: extras } = parsed;
  const extra =
    (extras !== null && extras !== undefined && Object.keys(extras).length > 0 ? extras : parsed.additional_special_tokens) ?? [];
  const own = Object.entries(fields).flatMap(([key, value]) =>
    key.endsWith("_token") && !(NAMES as readonly string[]).includes(key) && typeof value === "string" ? [value] : [],
  );
  const named = [...NAMES.flatMap((name) => parsed[name] ?? []), ...own, ...(Array.isArray(extra) ? [] : Object.values(extra))];
  const special = [...named, ...(Array.isArray(extra) ? extra : [])];
  const contents = new Set(named.map(contentOf));
  const decoder = decoderOf(fields, files.addedTokens, new Set(special.map(contentOf)));
  const legacy = fields["added_tokens_decoder"] === undefined;
  return [
    ...decoder.map((token) => configured(token, contents.has(token.content), "flags")),
    ...special.map((token) => configured(token, true, legacy && contents.has(contentOf(token)) ? "special" : "nothing")),
  ];
}

type Token = v.InferOutput<typeof Token>;

function contentOf(token: Token): string {
  return typeof token === "string" ? token : token.content;
}

/** Entries of added_tokens_decoder or, without it, of added_tokens.json, by ascending id. */
function decoderOf(
  fields: Readonly<Record<string, unknown>>,
  addedTokens: Uint8Array | undefined,
  special: ReadonlySet<string>,
): EntryFields[] {
  const { added_tokens_decoder: decoder } = fields;
  // Plain loops: a schema would copy what may be tens of thousands of entries.
  if (decoder !== undefined) {
    const where = { file: "tokenizer_config.json", field: "added_tokens_decoder" };
    if (!isRecord(decoder)) throw new TokenizerError("must be an object from id to token", where);
    const wrong = Object.keys(decoder).find((id) => !/^\d+$/.test(id) || !isEntry(decoder[id]));
    if (wrong !== undefined)
      throw new TokenizerError("must be an id with a token and its flags", { ...where, field: `${where.field}.${wrong}` });
    // Numbers as keys come in ascending order.
    return Object.values(decoder) as EntryFields[];
  }
  if (addedTokens === undefined) return [];
  const file = "added_tokens.json";
  const ids = readFields(addedTokens, file);
  const wrong = Object.keys(ids).find((content) => !Number.isSafeInteger(ids[content]));
  if (wrong !== undefined) throw new TokenizerError("must be a token id", { file, field: wrong });
  return Object.keys(ids)
    .sort((a, b) => Number(ids[a]) - Number(ids[b]))
    .map((content) => ({ content, special: special.has(content), normalized: !special.has(content) }));
}

const FLAGS = ["special", "lstrip", "rstrip", "single_word", "normalized"] as const;
type EntryFields = v.InferOutput<typeof Entry>;

function isEntry(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value["content"] === "string" &&
    FLAGS.every((flag) => value[flag] === undefined || value[flag] === null || typeof value[flag] === "boolean")
  );
}

function configured(token: Token, isSpecial: boolean, changes: ConfiguredToken["changes"]): ConfiguredToken {
  const {
    content,
    special,
    lstrip,
    rstrip,
    single_word: word,
    normalized,
  } = typeof token === "string" ? ({ content: token } as EntryFields) : token;
  const flag = special === true || isSpecial;
  return {
    content,
    special: flag,
    lstrip: lstrip ?? false,
    rstrip: rstrip ?? false,
    single_word: word ?? false,
    normalized: normalized ?? special !== true,
    changes,
  };
}

/**
 * The added tokens of a tokenizer.json with these tokens among them, as `add_tokens` of tokenizers puts them there: a token that has an
 * id keeps it, others get the next ones; what was special stays so. undefined where nothing changes, or where these are none.
 * @param listed its `added_tokens`
 * @param vocabulary its `model.vocab`, asked for only where a token is not among them
 */
export function withConfiguredTokens(
  listed: unknown,
  vocabulary: () => ReadonlyMap<string, number>,
  config: TokenizerConfig,
): readonly AddedJson[] | undefined {
  if (
    !Array.isArray(listed) ||
    !listed.every((token) => isRecord(token) && typeof token["content"] === "string" && typeof token["id"] === "number")
  )
    return undefined;
  const added = new Map((listed as AddedJson[]).map((token) => [token.content, token]));
  let next = (): number => {
    let id = vocabulary().size;
    for (const token of added.values()) id = Math.max(id, token.id + 1);
    next = () => ++id;
    return id;
  };
  let changed = false;
  for (const { changes, ...wanted } of config) {
    const known = added.get(wanted.content);
    const token = known !== undefined && changes === "special" ? { ...wanted, ...flagsOf(known), special: true } : wanted;
    if (token.content === "" || (known !== undefined && (changes === "nothing" || sameFlags(known, token)))) continue;
    const id = known?.id ?? vocabulary().get(token.content) ?? next();
    added.set(token.content, { ...token, id, special: token.special || known?.special === true });
    changed = true;
  }
  return changed ? [...added.values()] : undefined;
}

type Flags = Omit<ConfiguredToken, "changes" | "content">;
export type AddedJson = Partial<Flags> & { readonly content: string; readonly id: number };

function flagsOf({ special = false, lstrip = false, rstrip = false, single_word = false, normalized = !special }: AddedJson): Flags {
  return { special, lstrip, rstrip, single_word, normalized };
}

function sameFlags(a: AddedJson, b: Flags): boolean {
  const flags = flagsOf(a);
  return (Object.keys(flags) as (keyof Flags)[]).every((flag) => flags[flag] === b[flag]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
