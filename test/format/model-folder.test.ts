import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { openCheckpoint } from "../../src/format/hf/checkpoint.ts";
import { openPacked } from "../../src/format/packed/packed.ts";
import { convertModel } from "../../src/load/convert.ts";
import type { ModelText } from "../../src/text/model-text.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { MemoryFiles, MemorySource } from "../helpers/memory-files.ts";
import { tinyTensors } from "../helpers/tiny-checkpoint.ts";
import { tinySafetensors } from "../helpers/tiny-safetensors.ts";

type Files = Readonly<Record<string, unknown>>;
interface Reference {
  readonly versions: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer: { readonly added_tokens: readonly unknown[] };
  readonly texts: readonly string[];
  readonly ends: readonly { readonly config: object; readonly generation: object | null; readonly eos: readonly number[] }[];
  readonly rope: readonly { readonly config: object; readonly theta: number }[];
  readonly tokens: readonly {
    readonly files: Files;
    readonly added: readonly unknown[];
    readonly ids: readonly number[][];
    readonly decoded: readonly string[];
  }[];
  readonly templates: readonly {
    readonly files: Files;
    readonly source: string | null;
    readonly bos: string | null;
    readonly eos: string | null;
  }[];
}
/** Written by test/reference/model-folder.py. */
const reference = JSON.parse(readFileSync(join(import.meta.dirname, "model-folder.json"), "utf8")) as Reference;

function folder(config: object, files: Files = {}): MemoryFiles {
  const whole = { ...reference.config, ...config };
  const texts = Object.entries(files).map(([name, content]) => [name, typeof content === "string" ? content : JSON.stringify(content)]);
  const shape = { ...whole, rope_scaling: undefined, rope_parameters: undefined };
  return new MemoryFiles({
    "config.json": JSON.stringify(whole),
    "model.safetensors": tinySafetensors(tinyTensors(shape)),
    ...Object.fromEntries(texts),
  });
}

async function packed(files: MemoryFiles) {
  const parts: Uint8Array[] = [];
  await convertModel(files, "f32", (part) => void parts.push(part.slice()));
  return openPacked(new MemorySource("packed", new Uint8Array(Buffer.concat(parts))));
}

/** What a folder says of text, and what the packed file made from it says. */
async function texts(files: Files): Promise<readonly ModelText[]> {
  return [(await openCheckpoint(folder({}, files))).text, await (await packed(folder({}, files))).readText()];
}

describe(`a model folder, as transformers ${reference.versions["transformers"]} reads it`, () => {
  it.each(reference.ends)("ends of $config with $generation", async ({ config, generation, eos }) => {
    const files = folder(config, generation === null ? {} : { "generation_config.json": generation });
    expect((await openCheckpoint(files)).config.eosTokenIds).toEqual(eos);
    expect((await packed(files)).config.eosTokenIds).toEqual(eos);
  });

  it.each(reference.rope)("RoPE's base in $config", async ({ config, theta }) => {
    expect((await openCheckpoint(folder(config))).config.ropeTheta).toBe(theta);
  });

  it.each(reference.tokens)("tokens of $files", async ({ files, added, ids, decoded }) => {
    const tokenizer = { ...reference.tokenizer, added_tokens: [...reference.tokenizer.added_tokens, ...added] };
    for (const { tokenizerJson } of await texts({ "tokenizer.json": tokenizer, ...files })) {
      const loaded = loadTokenizer(tokenizerJson!, "tokenizer.json");
      expect(reference.texts.map((text) => [...loaded.encode(text)])).toEqual(ids);
      expect(ids.map((list) => loaded.decode(list))).toEqual(decoded);
    }
  });

  it.each(reference.templates)("template of $files", async ({ files, source, bos, eos }) => {
    for (const { chatTemplate } of await texts(files)) {
      if (source === null) expect(chatTemplate).toBeUndefined();
      else
        expect(chatTemplate).toMatchObject({
          source,
          ...(bos === null ? {} : { bosToken: bos }),
          ...(eos === null ? {} : { eosToken: eos }),
        });
    }
  });
});

describe("a model folder", () => {
  it("has its template in chat_template.json, where no other file has one", async () => {
    const legacy = { "chat_template.json": { chat_template: "L" } };
    for (const { chatTemplate } of await texts(legacy)) expect(chatTemplate?.source).toBe("L");
    for (const { chatTemplate } of await texts({ ...legacy, "tokenizer_config.json": { chat_template: "A" } }))
      expect(chatTemplate?.source).toBe("A");
  });

  it("may have ends that the vocabulary lacks, which never come", async () => {
    expect(
      (await openCheckpoint(folder({}, { "generation_config.json": { eos_token_id: [31, 32, -1, 5, 5] } }))).config.eosTokenIds,
    ).toEqual([31, 5]);
  });

  it.each([{ eos_token_id: "2" }, { eos_token_id: [1.5] }, { eos_token_id: new Array(65).fill(1) }, [], "{"])(
    "refuses generation_config.json %j, naming it",
    async (content) => {
      await expect(openCheckpoint(folder({}, { "generation_config.json": content }))).rejects.toMatchObject({
        name: ConfigError.name,
        file: "generation_config.json",
      });
    },
  );

  it.each(["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja"])(
    "opens with a damaged %s, which is told to who asks for it",
    async (name) => {
      const damaged = name.endsWith(".json") ? "{" : "{% if %}";
      const { text, config } = await openCheckpoint(folder({}, { "tokenizer.json": reference.tokenizer, [name]: damaged }));
      expect(config.vocabSize).toBe(32);
      if (name === "chat_template.jinja") expect(text.chatTemplate?.source).toBe(damaged);
      else expect(() => loadTokenizer(text.tokenizerJson!, "tokenizer.json")).toThrow(name);
    },
  );
});
