import { describe, expect, it } from "vitest";
import { convertModel } from "../../src/load/convert.ts";
import { isSourceName } from "../../src/format/hf/checkpoint.ts";
import type { ModelFiles } from "../../src/format/source.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { tinyEagleFiles, tinyModelFiles } from "../helpers/tiny-packed.ts";

/** Files that note which names they are asked for; those in `hidden` are not there. */
function noting(files: ModelFiles, asked: Set<string>, hidden: readonly string[] = []): ModelFiles {
  return {
    name: files.name,
    single: files.single,
    open: async (name) => {
      asked.add(name);
      return hidden.includes(name) ? undefined : files.open(name);
    },
  };
}

describe("names that loading a folder reads", () => {
  it("are all kept free of outputs, also those that are looked for in vain", async () => {
    const asked = new Set<string>();
    const config = TINY_CONFIGS.block;
    const draft = { files: noting(tinyEagleFiles(config), asked) };
    await convertModel(noting(tinyModelFiles(config), asked), "q8", () => undefined, undefined, draft);
    // Without weights every way to keep them is asked for.
    await expect(convertModel(noting(tinyModelFiles(config), asked, ["model.safetensors"]), "q8", () => undefined)).rejects.toThrow(
      "there are no weights",
    );
    expect([...asked]).toEqual(
      expect.arrayContaining([
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "pytorch_model.bin.index.json",
        "token_frequency_rank.json",
      ]),
    );
    for (const name of asked) expect(isSourceName(name), name).toBe(true);
  });

  it("are told from others, in any letter case", () => {
    for (const name of [
      "model-00002-of-00010.safetensors",
      "pytorch_model-00001-of-00002.bin",
      "MODEL.SAFETENSORS",
      "Config.JSON",
      "chat_template.jinja",
    ])
      expect(isSourceName(name), name).toBe(true);
    for (const name of ["model.q8.safetensors", "nano.safetensors", "experts.svg", "logits.f32", "json", "notes.txt"])
      expect(isSourceName(name), name).toBe(false);
  });
});
