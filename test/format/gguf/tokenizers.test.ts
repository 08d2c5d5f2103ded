import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openGguf } from "../../../src/format/gguf/gguf.ts";
import { PRE_TOKENIZERS } from "../../../src/format/gguf/pre-tokenizers.ts";
import { loadTokenizer } from "../../../src/text/load-tokenizer.ts";
import type { Tokenizer } from "../../../src/text/tokenizer.ts";
import { describeLlamaCpp, describeSmolLm } from "../../helpers/describe-gguf.ts";
import { askLlamaCpp, HAS_LLAMA_CPP } from "../../helpers/gguf-peer.ts";
import { describeShared, sharedPath } from "../../helpers/shared.ts";
import { writeSmolLm } from "../../helpers/smollm.ts";
import { fileSource } from "../../helpers/test-host.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { tinyGguf, type GgufEntry } from "../../helpers/tiny-gguf.ts";

// Ids of GGUF tokenizers: those of the tokenizer.json that they were made from, and llama.cpp's.

const REFERENCE = JSON.parse(readFileSync(new URL("../../text/reference-ids.json", import.meta.url), "utf8")) as { texts: string[] };
const TEXTS: readonly string[] = [
  ...REFERENCE.texts.filter((text) => text !== "" && !/\p{Surrogate}|\0/u.test(text)),
  "Hello  world 123 4567 ééé\n\n  x\r\n\ty   ",
  "I'll've they'RE don't 'tis ſ'S",
  "3.14159 + 2,000,000 = ½ Ⅻ १२३",
  "日本語の文章と한국어 العربية עברית ไทย हिन्दी 🙂🇫🇷👩‍👩‍👧",
  "def f(x):\n    return x**2  # <|im_start|> not at all\n",
  "<|im_start|>user\nhi<|im_end|>\n<s>a</s> <unk>",
  "   leading and trailing   ",
  "aaaaaaaaaaaaaaaaaaaa bbbb ▁▁ ▁x",
];

async function tokenizerOf(path: string): Promise<Tokenizer> {
  const { text, tensors } = await openGguf(fileSource(path));
  await tensors.close();
  return loadTokenizer(text.tokenizerJson!, path);
}

/** llama.cpp puts nothing around texts here. */
const ids = (tokenizer: Tokenizer, text: string, parseSpecial: boolean): number[] =>
  Array.from(tokenizer.encode(text, { addBos: false, parseSpecial }));

function same(tokenizer: Tokenizer, model: string, texts: readonly string[], how: readonly boolean[] = [true, false]): void {
  for (const special of how) {
    const { tokens } = askLlamaCpp({ model, texts, special });
    for (const [i, text] of texts.entries()) expect(ids(tokenizer, text, special), JSON.stringify(text)).toEqual(tokens[i]);
  }
}

describeSmolLm("SmolLM2's tokenizer in its GGUF file", () => {
  let path: string;
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    path = writeSmolLm(temporaryFolder());
    tokenizer = await tokenizerOf(path);
  });

  it("begins with no token, and its template names the tokens", async () => {
    const { text, config, tensors } = await openGguf(fileSource(path));
    await tensors.close();
    expect(text.chatTemplate).toMatchObject({ bosToken: "<|im_start|>", eosToken: "<|im_end|>", unkToken: "<|endoftext|>" });
    expect(config).toMatchObject({ bosTokenId: 1, eosTokenIds: [2, 0] });
    expect(Array.from(tokenizer.encode("a"))).toEqual(ids(tokenizer, "a", true));
  });

  describeShared("the tokenizer.json of the chat model", "checkpoints/blockffn-chat/tokenizer.json", () => {
    it("the same ids and texts", () => {
      const published = loadTokenizer(readFileSync(sharedPath("checkpoints/blockffn-chat/tokenizer.json")), "tokenizer.json");
      for (const text of TEXTS) {
        const want = ids(published, text, true);
        expect(ids(tokenizer, text, true), JSON.stringify(text)).toEqual(want);
        expect(ids(tokenizer, text, false), JSON.stringify(text)).toEqual(ids(published, text, false));
        expect(tokenizer.decode(want)).toBe(published.decode(want));
      }
    });
  });

  describeLlamaCpp("llama.cpp", () => {
    it("the same ids, with and without special tokens", () => same(tokenizer, path, TEXTS));
  });
});

/** A file that holds a tokenizer and the smallest model. */
function writeTokenizer(metadata: Readonly<Record<string, GgufEntry>>): string {
  const vocab = (metadata["tokenizer.ggml.tokens"]![1] as readonly string[]).length;
  const shape: Readonly<Record<string, number>> = {
    context_length: 8,
    embedding_length: 2,
    block_count: 1,
    feed_forward_length: 2,
    "attention.head_count": 1,
    "rope.dimension_count": 2,
  };
  const floats = (...shape: number[]) => ({ shape, bytes: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)) });
  const tensors = {
    "token_embd.weight": floats(vocab, 2),
    "output_norm.weight": floats(2),
    ...Object.fromEntries(["attn_norm", "ffn_norm"].map((name) => [`blk.0.${name}.weight`, floats(2)])),
    ...Object.fromEntries(
      ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"].map((name) => [`blk.0.${name}.weight`, floats(2, 2)]),
    ),
  };
  const path = join(temporaryFolder(), "tokenizer.gguf");
  const numbers = Object.entries(shape).map(([key, value]) => [`llama.${key}`, ["u32", value]] as const);
  writeFileSync(
    path,
    tinyGguf(
      {
        "general.architecture": ["string", "llama"],
        ...Object.fromEntries(numbers),
        "llama.attention.layer_norm_rms_epsilon": ["f32", 1e-5],
        ...metadata,
      },
      tensors,
    ),
  );
  return path;
}

interface TokenizerJson {
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
  readonly model: { readonly vocab: Readonly<Record<string, number>>; readonly merges: readonly (string | readonly [string, string])[] };
}

/** A SentencePiece file from a tokenizer.json whose merges stand for it: a token's score is the place of its first merge. */
function sentencePiece(json: TokenizerJson, more: Readonly<Record<string, GgufEntry>> = {}): string {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(json.model.vocab)) tokens[id] = token;
  const added = new Map(json.added_tokens.map(({ id, content }) => [id, content]));
  for (const [id, content] of added) tokens[id] = content;
  const scores = new Map<string, number>();
  json.model.merges.forEach((merge, i) => {
    const token = (typeof merge === "string" ? merge.split(" ") : merge).join("");
    if (!scores.has(token)) scores.set(token, -i);
  });
  const types = tokens.map((token, id) => (added.has(id) ? (token === "<unk>" ? 2 : 3) : /^<0x[0-9A-F]{2}>$/.test(token) ? 6 : 1));
  return writeTokenizer({
    "tokenizer.ggml.model": ["string", "llama"],
    "tokenizer.ggml.pre": ["string", "default"],
    "tokenizer.ggml.tokens": ["string", tokens],
    "tokenizer.ggml.scores": ["f32", tokens.map((token) => scores.get(token) ?? -1e6)],
    "tokenizer.ggml.token_type": ["i32", types],
    ...more,
  });
}

describeShared("MiniCPM4's tokenizer as SentencePiece with scores", "tokenizers/minicpm4_73448.tokenizer.json", () => {
  const bytes = readFileSync(sharedPath("tokenizers/minicpm4_73448.tokenizer.json"));
  const path = sentencePiece(JSON.parse(bytes.toString()) as TokenizerJson);

  it("the ids and texts of its tokenizer.json, <s> before them", async () => {
    const published = loadTokenizer(bytes, "tokenizer.json");
    const tokenizer = await tokenizerOf(path);
    for (const text of TEXTS) {
      expect(Array.from(tokenizer.encode(text)), JSON.stringify(text)).toEqual(Array.from(published.encode(text)));
      const want = ids(published, text, true);
      expect(tokenizer.decode(want)).toBe(published.decode(want));
    }
  });

  describeLlamaCpp("llama.cpp", () => {
    it("the same ids", async () => same(await tokenizerOf(path), path, TEXTS));
    it("without a space before texts", async () => {
      const bare = sentencePiece(JSON.parse(bytes.toString()) as TokenizerJson, { "tokenizer.ggml.add_space_prefix": ["bool", false] });
      same(await tokenizerOf(bare), bare, TEXTS);
    });
  });
});

describeShared("byte-level tokenizers by tokenizer.ggml.pre", "checkpoints/blockffn-chat/tokenizer.json", () => {
  const json = JSON.parse(readFileSync(sharedPath("checkpoints/blockffn-chat/tokenizer.json"), "utf8")) as TokenizerJson;
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(json.model.vocab)) tokens[id] = token;
  const special = new Set(json.added_tokens.map(({ id }) => id));
  const write = (pre: string): string =>
    writeTokenizer({
      "tokenizer.ggml.model": ["string", "gpt2"],
      "tokenizer.ggml.pre": ["string", pre],
      "tokenizer.ggml.tokens": ["string", tokens],
      "tokenizer.ggml.token_type": ["i32", tokens.map((_, id) => (special.has(id) ? 3 : 1))],
      "tokenizer.ggml.merges": ["string", json.model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")))],
      "tokenizer.ggml.bos_token_id": ["u32", 1],
      "tokenizer.ggml.eos_token_id": ["u32", 2],
    });

  it("begins texts with the first token where the name says so", async () => {
    expect((await tokenizerOf(write("llama-bpe"))).encode("a")[0]).toBe(1);
    expect((await tokenizerOf(write("qwen2"))).encode("a")[0]).not.toBe(1);
  });

  if (HAS_LLAMA_CPP) {
    // One of each kind that cuts otherwise.
    const kinds = new Map(Object.entries(PRE_TOKENIZERS).map(([name, kind]) => [JSON.stringify(kind), name]));
    it.each([...kinds.values()])("%s: llama.cpp's ids", async (pre) => {
      const path = write(pre);
      same(await tokenizerOf(path), path, TEXTS, [true]);
    });
  }
});

describe("what a tokenizer may not say", () => {
  const base: Record<string, GgufEntry> = {
    "tokenizer.ggml.model": ["string", "gpt2"],
    "tokenizer.ggml.tokens": ["string", ["a", "b", "ab"]],
    "tokenizer.ggml.merges": ["string", ["a b"]],
  };
  it.each<[string, string, GgufEntry | undefined]>([
    ["tokenizer.ggml.model", "gpt2 (byte-level BPE)", ["string", "rwkv"]],
    ["tokenizer.ggml.pre", "qwen2", ["string", "unheard-of"]],
    ["tokenizer.ggml.merges", "missing", undefined],
    ["tokenizer.ggml.tokens", "two ids, 0 and 1", ["string", ["a", "a"]]],
    ["tokenizer.ggml.token_type", "2 entries for 3 tokens", ["i32", [1, 1]]],
    ["tokenizer.ggml.tokens", "list of texts", ["u32", 4]],
  ])("%s: %s", async (field, message, value) => {
    const { [field]: _, ...rest } = base;
    const path = join(temporaryFolder(), "t.gguf");
    const metadata = value === undefined ? rest : { ...rest, [field]: value };
    writeFileSync(path, tinyGguf(metadata, {}));
    const { readGgufHeader } = await import("../../../src/format/gguf/header.ts");
    const { ggufTokenizer } = await import("../../../src/format/gguf/tokenizer.ts");
    const header = await readGgufHeader(fileSource(path));
    expect(() => ggufTokenizer(header.metadata)).toThrow(expect.objectContaining({ file: path, field }));
    expect(() => ggufTokenizer(header.metadata)).toThrow(message);
  });

  it("a token named like a property of objects, and one without text", async () => {
    const path = writeTokenizer({ ...base, "tokenizer.ggml.tokens": ["string", ["a", "b", "ab", "__proto__", "constructor", ""]] });
    const tokenizer = await tokenizerOf(path);
    expect([3, 4, 5].map((id) => tokenizer.idToToken(id))).toEqual(["__proto__", "constructor", "[EMPTY_5]"]);
    expect(Array.from(tokenizer.encode("ab"))).toEqual([2]);
  });
});
