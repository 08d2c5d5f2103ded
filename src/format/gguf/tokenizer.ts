import { LimitError, TokenizerError } from "../../errors.ts";
import { MAX_IDS } from "../../text/schema.ts";
import type { Metadata } from "./metadata.ts";
import { PRE_TOKENIZERS, type PreTokenizer } from "./pre-tokenizers.ts";
import { mergesOfScores } from "./scores.ts";
import { TOKEN, tokenId } from "./tokens.ts";

// A GGUF file's tokenizer as the tokenizer.json that says the same: what packs, serves and runs it then knows one form.

/** What stands for a space in SentencePiece's tokens. */
const SPACE = "▁";

/** Bytes of the tokenizer.json; undefined for a file without tokenizer. @throws TokenizerError, LimitError naming the key. */
export function ggufTokenizer(metadata: Metadata): Uint8Array | undefined {
  const model = metadata.text("tokenizer.ggml.model");
  if (model === undefined || model === "no_vocab" || model === "none") return undefined;
  const tokens = tokensOf(metadata);
  const types = listFor(metadata, "tokenizer.ggml.token_type", tokens.length);
  const vocab = vocabularyOf(metadata, tokens);
  if (model === "gpt2") return encode(metadata, tokens, types, byteLevel(metadata, vocab));
  if (model === "llama") return encode(metadata, tokens, types, sentencePiece(metadata, tokens, types, vocab));
  throw wrong(
    metadata,
    "tokenizer.ggml.model",
    `${quoted(model)} is not supported; supported are gpt2 (byte-level BPE) and llama (SentencePiece)`,
  );
}

/** Parts of a tokenizer.json that differ by kind. */
interface Parts {
  readonly normalizer: object | null;
  readonly pre_tokenizer: object | null;
  readonly decoder: object;
  readonly model: object;
  readonly addBos: boolean;
}

function byteLevel(metadata: Metadata, vocab: object): Parts {
  const pre = preTokenizer(metadata);
  const steps = pre.patterns.map((Regex) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false }));
  const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
  const merges = metadata.texts("tokenizer.ggml.merges");
  if (merges === undefined) throw wrong(metadata, "tokenizer.ggml.merges", "is missing; a tokenizer of kind gpt2 needs it");
  return {
    normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [...steps, bytes] },
    decoder: bytes,
    model: { type: "BPE", unk_token: null, ignore_merges: pre.ignoreMerges === true, vocab, merges: merges.map(pairOf) },
    addBos: pre.addBos === true,
  };
}

/** "left right"; llama.cpp looks for the space from the second character on. */
function pairOf(merge: string): readonly string[] {
  const at = merge.indexOf(" ", 1);
  return at < 0 ? [merge] : [merge.slice(0, at), merge.slice(at + 1)];
}

function preTokenizer(metadata: Metadata): PreTokenizer {
  const key = "tokenizer.ggml.pre";
  const name = metadata.text(key) ?? "default";
  if (Object.hasOwn(PRE_TOKENIZERS, name)) return PRE_TOKENIZERS[name]!;
  throw wrong(metadata, key, `${quoted(name)} is not supported; supported are ${Object.keys(PRE_TOKENIZERS).join(", ")}`);
}

function sentencePiece(metadata: Metadata, tokens: readonly string[], types: Float64Array | undefined, vocab: object): Parts {
  const scores = listFor(metadata, "tokenizer.ggml.scores", tokens.length);
  if (scores === undefined) throw wrong(metadata, "tokenizer.ggml.scores", "is missing; a tokenizer of kind llama needs it");
  const prefix = metadata.flag("tokenizer.ggml.add_space_prefix") ?? true;
  const unknown = tokenId(metadata, "unknown");
  const spaces = { type: "Replace", pattern: { String: " " }, content: SPACE };
  const text = [{ type: "Replace", pattern: { String: SPACE }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" }];
  return {
    normalizer: { type: "Sequence", normalizers: [...(prefix ? [{ type: "Prepend", prepend: SPACE }] : []), spaces] },
    pre_tokenizer: null,
    decoder: { type: "Sequence", decoders: [...text, ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : [])] },
    model: {
      type: "BPE",
      unk_token: unknown === undefined ? null : tokens[unknown],
      fuse_unk: true,
      byte_fallback: types === undefined || types.includes(TOKEN.byte),
      vocab,
      merges: mergesOfScores(tokens, scores),
    },
    addBos: true,
  };
}

function encode(metadata: Metadata, tokens: readonly string[], types: Float64Array | undefined, parts: Parts): Uint8Array {
  const { addBos, ...rest } = parts;
  const added = tokens.flatMap((content, id) => {
    const type = types?.[id];
    const special = type === TOKEN.control || type === TOKEN.unknown;
    if (!special && type !== TOKEN.userDefined) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }];
  });
  const around = (flag: string, name: "bos" | "eos", otherwise: boolean): object[] => {
    const id = tokenId(metadata, name);
    return (metadata.flag(`tokenizer.ggml.${flag}`) ?? otherwise) && id !== undefined
      ? [{ SpecialToken: { id: tokens[id], type_id: 0 }, ids: id }]
      : [];
  };
  const before = around("add_bos_token", "bos", addBos);
  const after = around("add_eos_token", "eos", false);
  return new TextEncoder().encode(
    JSON.stringify({
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added,
      ...rest,
      post_processor: template(before, after),
    }),
  );
}

/** The post-processor that puts tokens around a text. */
function template(before: readonly object[], after: readonly object[]): object | null {
  const items = [...before, ...after] as { SpecialToken: { id: string }; ids: number }[];
  if (items.length === 0) return null;
  const names = Object.fromEntries(items.map(({ SpecialToken: { id }, ids }) => [id, { id, ids: [ids], tokens: [id] }]));
  const named = (list: readonly object[]): object[] => list.map((item) => ({ SpecialToken: (item as (typeof items)[0]).SpecialToken }));
  const single = [...named(before), { Sequence: { id: "A", type_id: 0 } }, ...named(after)];
  return { type: "TemplateProcessing", single, pair: single, special_tokens: names };
}

/** The texts of all tokens, by id; one that has none is named for its place, as llama.cpp names it. */
function tokensOf(metadata: Metadata): readonly string[] {
  const key = "tokenizer.ggml.tokens";
  const tokens = metadata.texts(key);
  if (tokens === undefined || tokens.length === 0) throw wrong(metadata, key, "is missing; the tokenizer needs it");
  if (tokens.length > MAX_IDS)
    throw new LimitError(`${tokens.length} tokens are more than the ${MAX_IDS} allowed`, {
      file: metadata.file,
      field: key,
      limit: MAX_IDS,
    });
  return tokens.map((token, id) => (token === "" ? `[EMPTY_${id}]` : token));
}

/** Ids by token. Without a prototype: "__proto__" is a token like any other. */
function vocabularyOf(metadata: Metadata, tokens: readonly string[]): Record<string, number> {
  const vocab = Object.create(null) as Record<string, number>;
  tokens.forEach((token, id) => {
    const first = vocab[token];
    if (first !== undefined) throw wrong(metadata, "tokenizer.ggml.tokens", `${quoted(token)} has two ids, ${first} and ${id}`);
    vocab[token] = id;
  });
  return vocab;
}

/** One number for each token; undefined where the file has no such list. */
function listFor(metadata: Metadata, key: string, count: number): Float64Array | undefined {
  const list = metadata.numbers(key);
  if (list !== undefined && list.length < count) throw wrong(metadata, key, `has ${list.length} entries for ${count} tokens`);
  return list;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

function wrong({ file }: Metadata, field: string, text: string): TokenizerError {
  return new TokenizerError(text, { file, field });
}
