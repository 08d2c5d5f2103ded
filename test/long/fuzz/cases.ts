import { convertModel } from "../../../src/load/convert.ts";
import { byteLevelTokenizerJson } from "../../helpers/byte-level-tokenizer.ts";
import { tinyGgufModel } from "../../helpers/gguf-models.ts";
import { MemoryFiles } from "../../helpers/memory-files.ts";
import { TINY_CONFIGS, tinyTensors } from "../../helpers/tiny-checkpoint.ts";
import { tinySafetensors } from "../../helpers/tiny-safetensors.ts";
import { TINY_VOCAB, tinyTokenizerJson } from "../../helpers/tiny-tokenizer.ts";
import { floatStorage, tinyTorch } from "../../helpers/tiny-torch.ts";
import { damaged, oddHeader, oddJson } from "./mutations.ts";
import { below, pick, type Random } from "./random.ts";

/** A model as a stranger may hand it over: files of a folder, or one packed file under the name "". */
export interface FuzzCase {
  readonly kind: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

const utf8 = new TextEncoder();
const json = (value: unknown): Uint8Array => utf8.encode(JSON.stringify(value));
const flags = { lstrip: false, rstrip: false, single_word: false, normalized: false, special: true };
const WEIGHTS = "model.safetensors";
const BIN = "pytorch_model.bin";

/** Folders that are right: each a kind of network, tokenizer and way to keep the weights. */
function wholeFolder(random: Random): Map<string, Uint8Array> {
  const config = { ...pick(random, Object.values(TINY_CONFIGS)), vocab_size: Math.max(TINY_VOCAB, 400), max_position_embeddings: 96 };
  const tensors = tinyTensors(config).map((tensor) => ({
    ...tensor,
    bytes: new Uint8Array(Float32Array.from({ length: tensor.shape.reduce((a, b) => a * b, 1) }, () => random.float() - 0.5).buffer),
  }));
  const files = new Map<string, Uint8Array>([
    ["config.json", json(config)],
    ["generation_config.json", json({ bos_token_id: 1, eos_token_id: [2, 5], do_sample: true, temperature: 0.6 })],
    ["tokenizer.json", below(random, 2) === 0 ? tinyTokenizerJson() : byteLevelTokenizerJson()],
    [
      "tokenizer_config.json",
      json({
        eos_token: "</s>",
        pad_token: { content: "<pad>", ...flags },
        add_bos_token: true,
        chat_template: "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}{{ eos_token }}{% endfor %}",
        ...(below(random, 2) === 0
          ? { added_tokens_decoder: { 2: { content: "</s>", ...flags }, 390: { content: "<x>", ...flags } } }
          : {}),
      }),
    ],
    ["special_tokens_map.json", json({ eos_token: "</s>", bos_token: { content: "<s>", ...flags } })],
    ["added_tokens.json", json({ "<y>": 391 })],
  ]);
  switch (below(random, 3)) {
    case 0:
      return files.set(WEIGHTS, tinySafetensors(tensors, { format: "pt" }));
    case 1:
      return files.set(
        BIN,
        tinyTorch(
          tensors.map(({ name, shape, bytes }, i) => ({
            name,
            shape,
            storage: floatStorage(String(i), [...new Float32Array(bytes.buffer)]),
          })),
        ),
      );
    default: {
      const half = tensors.length >> 1;
      const index = {
        metadata: { total_size: 1 },
        weight_map: Object.fromEntries(tensors.map(({ name }, i) => [name, i < half ? "a.safetensors" : "b.safetensors"])),
      };
      return files
        .set("a.safetensors", tinySafetensors(tensors.slice(0, half)))
        .set("b.safetensors", tinySafetensors(tensors.slice(half)))
        .set("model.safetensors.index.json", json(index));
    }
  }
}

/** A packed file made from a right folder. */
async function packed(random: Random): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  await convertModel(
    new MemoryFiles(Object.fromEntries(wholeFolder(random))),
    pick(random, ["f32", "q8", "q4"] as const),
    (part) => void parts.push(part.slice()),
  );
  return new Uint8Array(Buffer.concat(parts));
}

const FOREIGN: readonly string[] = [
  "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
  "GGUF\x03\0\0\0\0\0\0\0",
  "\x08\x08\x12\x07pytorch\x1a\x052.1.0",
  "PK\x03\x04",
  "PK\x05\x06" + "\0".repeat(18),
  "\x80\x02}q\0.",
  "<!doctype html><html></html>",
  "\x1f\x8b\x08",
  "",
  "\0",
  "null",
  "{}",
  "[]",
  '{"a":1}',
  "\ufeff{}",
  " ".repeat(5000),
];

/** Texts that grow out of all proportion in whoever reads them carelessly. */
const LARGE: readonly ((size: number) => string)[] = [
  (n) => `[${"[],".repeat(n)}0]`,
  (n) => `[${"{},".repeat(n)}0]`,
  (n) => `{"a":${"[".repeat(n)}`,
  (n) => `{${'"a":0,'.repeat(n)}"b":0}`,
  (n) => `{"added_tokens":[${'{"id":1,"content":"a"},'.repeat(n)}0]}`,
  (n) =>
    JSON.stringify({
      added_tokens_decoder: Object.fromEntries(Array.from({ length: n >> 2 }, (_, i) => [i, { content: `<t${i}>`, ...flags }])),
    }),
  (n) => `{"eos_token_id":[${"1,".repeat(n)}1]}`,
  (n) => JSON.stringify({ chat_template: "{{ messages[0].content }}".repeat(n >> 4) }),
  (n) => JSON.stringify({ weight_map: Object.fromEntries(Array.from({ length: n >> 2 }, (_, i) => [`t${i}`, "a"])) }),
  (n) =>
    JSON.stringify({
      model: { type: "BPE", vocab: Object.fromEntries(Array.from({ length: n >> 2 }, (_, i) => [`t${i}`, i])), merges: [] },
    }),
  // As large models have it: a token and some ways to merge it for each id.
  (n) =>
    JSON.stringify({
      model: {
        type: "BPE",
        vocab: Object.fromEntries(["\u2581", ...Array.from({ length: n >> 1 }, (_, i) => `\u2581${i}`)].map((t, i) => [t, i])),
        merges: Array.from({ length: n }, () => ["\u2581", "\u2581"]),
      },
    }),
  (n) => `"${"\\u0000".repeat(n)}"`,
  (n) => " ".repeat(n),
];

type Change = (files: Map<string, Uint8Array>, name: string, random: Random) => void;
const isJson = (name: string): boolean => name.endsWith(".json");
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Ways in which one file of a folder is made wrong. */
const CHANGES: Readonly<Record<string, Change>> = {
  "damaged bytes": (files, name, random) => void files.set(name, damaged(files.get(name)!, random)),
  "another value": (files, name, random) => {
    const bytes = files.get(name)!;
    try {
      files.set(
        name,
        isJson(name)
          ? utf8.encode(oddJson(text(bytes), random))
          : name.endsWith(".safetensors")
            ? oddHeader(bytes, random)
            : damaged(bytes, random),
      );
    } catch {
      // What a change before has left is no JSON any more.
      files.set(name, damaged(bytes, random));
    }
  },
  "another program's file": (files, name, random) =>
    void files.set(
      name,
      Uint8Array.from(pick(random, FOREIGN), (c) => c.charCodeAt(0) & 255),
    ),
  "a large file": (files, name, random) =>
    void files.set(name, utf8.encode(pick(random, LARGE)(10 ** (2 + below(random, 4)) * (1 + below(random, 9))))),
  "no file": (files, name) => void files.delete(name),
  "the file of another": (files, name, random) => void files.set(name, files.get(pick(random, [...files.keys()]))!),
};
export const KINDS = [...Object.keys(CHANGES), "packed: damaged bytes", "packed: another value", "packed: another program's file"];

/** Of GGUF files, in a tenth of the cases beside the others'. */
export const GGUF_KIND = "GGUF: damaged bytes";

/** One case of a kind. */
export async function makeCase(kind: string, random: Random): Promise<FuzzCase> {
  if (kind === GGUF_KIND)
    return { kind, files: new Map([["", damaged(tinyGgufModel(pick(random, ["llama", "qwen2"] as const)), random)]]) };
  if (kind.startsWith("packed: ")) {
    const bytes = await packed(random);
    const made = kind.endsWith("bytes")
      ? damaged(bytes, random)
      : kind.endsWith("value")
        ? oddHeader(bytes, random)
        : Uint8Array.from(pick(random, FOREIGN), (c) => c.charCodeAt(0) & 255);
    return { kind, files: new Map([["", made]]) };
  }
  const files = wholeFolder(random);
  const change = CHANGES[kind]!;
  for (let i = 1 + below(random, 2); i > 0; i--) {
    // Each file has its turn, however many there are of one sort.
    const name = pick(random, [...files.keys()]);
    change(files, name, random);
  }
  return { kind, files };
}
