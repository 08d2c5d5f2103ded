import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { openCheckpoint } from "../../src/format/hf/checkpoint.ts";
import { openPacked } from "../../src/format/packed/packed.ts";
import { convertModel } from "../../src/load/convert.ts";
import { parseGenerationDefaults, readGenerationDefaults, type GenerationDefaults } from "../../src/text/generation-defaults.ts";
import { MemoryFiles, MemorySource } from "../helpers/memory-files.ts";
import { tinyChatFiles } from "../helpers/tiny-chat.ts";

interface Case {
  readonly file: object;
  readonly drawn: {
    readonly do_sample: boolean;
    readonly temperature: number;
    readonly top_k: number;
    readonly top_p: number;
    readonly min_p: number | null;
    readonly repetition_penalty: number;
    readonly max_new_tokens: number | null;
  };
}
/** Written by test/reference/generation-config.py. */
const reference = JSON.parse(readFileSync(join(import.meta.dirname, "generation-config.json"), "utf8")) as {
  readonly versions: Readonly<Record<string, string>>;
  readonly cases: readonly Case[];
};
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

async function packed(files: Record<string, Uint8Array | string>): Promise<MemorySource> {
  const parts: Uint8Array[] = [];
  await convertModel(new MemoryFiles(files), "q8", (part) => void parts.push(part.slice()));
  return new MemorySource("packed", new Uint8Array(Buffer.concat(parts)));
}
const defaultsOf = async (source: MemorySource): Promise<GenerationDefaults | undefined> =>
  (await (await openPacked(source)).readText()).generationDefaults;

describe(`generation_config.json, as transformers ${reference.versions["transformers"]} reads it`, () => {
  it.each(reference.cases)("$file", ({ file, drawn }) => {
    const { temperature, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, maxTokens } = readGenerationDefaults(bytes(file))!;
    expect({ repetitionPenalty, maxTokens }).toEqual({
      repetitionPenalty: drawn.repetition_penalty,
      maxTokens: drawn.max_new_tokens ?? undefined,
    });
    if (!drawn.do_sample) expect(temperature).toBe(0);
    else
      expect({ temperature, topK, topP, minP }).toEqual({
        temperature: drawn.temperature,
        topK: drawn.top_k,
        topP: drawn.top_p,
        minP: drawn.min_p ?? 0,
      });
  });

  it.each([
    [{ do_sample: "yes" }, "do_sample"],
    [{ temperature: -1 }, "temperature"],
    [{ temperature: "warm" }, "temperature"],
    [{ top_k: 1.5 }, "top_k"],
    [{ top_p: 2 }, "top_p"],
    [{ min_p: -0.1 }, "min_p"],
    [{ repetition_penalty: 0 }, "repetition_penalty"],
    [{ max_new_tokens: 0 }, "max_new_tokens"],
  ])("%j is refused by name", (file, field) => {
    const failure = (): unknown => readGenerationDefaults(bytes(file));
    expect(failure).toThrow(ConfigError);
    expect(failure).toThrow(expect.objectContaining({ file: "generation_config.json", field }));
  });

  it("stops nothing that does not need it", async () => {
    const { config, text, tensors } = await openCheckpoint(new MemoryFiles(tinyChatFiles({ generation: { eos_token_id: 2, top_p: 7 } })));
    expect(config.eosTokenIds).toEqual([2]);
    expect(() => text.generationDefaults).toThrow(ConfigError);
    await tensors.close();
  });
});

describe("defaults in packed files", () => {
  const generation = { do_sample: true, temperature: 0.2, top_p: 0.9, eos_token_id: 2 };
  const said = { temperature: 0.2, topK: 50, topP: 0.9 };

  it("are those of the folder, in a section that readers may pass over; none where there is no file", async () => {
    const source = await packed(tinyChatFiles({ generation }));
    expect(await defaultsOf(source)).toEqual(said);
    const header = new Uint8Array(4096);
    await source.readInto(0, header.subarray(0, Math.min(4096, source.size)));
    expect(new TextDecoder().decode(header)).toContain(String.raw`{\"name\":\"generation\",\"version\":1,\"must\":false,\"parts\":[]}`);
    expect(await defaultsOf(await packed(tinyChatFiles()))).toBeUndefined();
  });

  it("stay when a packed file is packed again, and change with the text of a folder that has others", async () => {
    const source = await packed(tinyChatFiles({ generation }));
    const again = async (text?: MemoryFiles): Promise<GenerationDefaults | undefined> => {
      const parts: Uint8Array[] = [];
      const files = { name: "packed", single: true, open: async () => source };
      await convertModel(files, undefined, (part) => void parts.push(part.slice()), undefined, undefined, text);
      return defaultsOf(new MemorySource("again", new Uint8Array(Buffer.concat(parts))));
    };
    expect(await again()).toEqual(said);
    expect(await again(new MemoryFiles(tinyChatFiles()))).toEqual(said);
    expect(await again(new MemoryFiles(tinyChatFiles({ generation: { repetition_penalty: 1.3 } })))).toEqual({
      temperature: 0,
      repetitionPenalty: 1.3,
    });
  });

  it.each(['{"topP":9}', '{"temperature":null}', "3", "{"])("%s are refused, naming file and field", (json) => {
    expect(() => parseGenerationDefaults(json, "x.safetensors", "blockffn.generation")).toThrow(/^x\.safetensors/);
  });
});
