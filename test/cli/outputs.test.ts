import { linkSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { blockffn, type RunResult } from "../helpers/fake-io.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { tinyStories, writeTraining } from "../helpers/train-run.ts";

const root = temporaryFolder();
let folder = "";
let source = "";
let count = 0;
const at = (name: string): string => join(folder, name);
const convert = (out: string, ...more: string[]): Promise<RunResult> => blockffn(["convert", source, "--out", out, ...more]);

beforeEach(() => {
  folder = join(root, String(count++));
  source = join(folder, "model");
  mkdirSync(source, { recursive: true });
  writeTinyModel(source);
  writeFileSync(at("story.txt"), tinyStories());
});

/** All bytes of the source, which no command may change. */
function sourceBytes(): Record<string, string> {
  return Object.fromEntries(
    ["config.json", "model.safetensors", "tokenizer.json"].map((name) => [name, readFileSync(join(source, name), "base64")]),
  );
}

describe("convert never writes what it reads", () => {
  it.each([
    ["the weights", () => join(source, "model.safetensors")],
    ["the folder's other files", () => join(source, "config.json")],
    ["the folder itself", () => source],
    ["a longer way to it", () => join(source, "..", "model", ".", "tokenizer.json")],
    ["a name that would be read instead", () => join(source, "pytorch_model.bin")],
    ["a shard's name", () => join(source, "model-00001-of-00002.safetensors")],
    ["an index", () => join(source, "model.safetensors.index.json")],
    ["the name in other letters", () => join(source, "Model.SafeTensors")],
    ["a settings file that is not there yet", () => join(source, "generation_config.json")],
    [
      "a link to the weights",
      () => {
        symlinkSync(join(source, "model.safetensors"), at("link.safetensors"));
        return at("link.safetensors");
      },
    ],
    [
      "another name of the weights",
      () => {
        linkSync(join(source, "model.safetensors"), at("hard.safetensors"));
        return at("hard.safetensors");
      },
    ],
    [
      "the weights through a link to the folder",
      () => {
        symlinkSync(source, at("same"));
        return join(folder, "same", "model.safetensors");
      },
    ],
    [
      "where the weights lie that the folder links to",
      () => {
        renameSync(join(source, "model.safetensors"), at("blob"));
        symlinkSync(at("blob"), join(source, "model.safetensors"));
        return at("blob");
      },
    ],
  ] as [string, () => string][])("%s, with and without --force", async (_, name) => {
    const out = name();
    const before = sourceBytes();
    for (const more of [[], ["--force"]]) {
      const { code, err } = await convert(out, ...more);
      expect(err).toMatch(/^blockffn: .*; give another name/);
      expect(code).toBe(2);
      expect(sourceBytes()).toEqual(before);
    }
  });

  it("whatever way the source is named", async () => {
    const before = sourceBytes();
    for (const name of [pathToFileURL(source).href, `${source}/`, join(source, "../model")]) {
      expect(await blockffn(["convert", name, "--out", join(source, "model.safetensors"), "--force"])).toMatchObject({ code: 2 });
    }
    expect(sourceBytes()).toEqual(before);
  });

  it("nor the draft head's folder", async () => {
    const head = join(folder, "head");
    mkdirSync(head);
    writeFileSync(join(head, "model.safetensors"), "weights");
    for (const name of ["model.safetensors", "token_frequency_rank.json", "config.json"]) {
      expect(await convert(join(head, name), "--draft", head, "--force")).toMatchObject({
        code: 2,
        err: expect.stringContaining("of the model in") as string,
      });
    }
    expect(readFileSync(join(head, "model.safetensors"), "utf8")).toBe("weights");
  });
});

describe("convert replaces", () => {
  it("a packed model, also one in the source's folder under a name of its own, and an empty file", async () => {
    const inside = join(source, "packed.q8.safetensors");
    writeFileSync(at("empty"), "");
    for (const out of [inside, at("packed.safetensors"), at("empty")]) {
      expect(await convert(out, "--quantize", "f32")).toMatchObject({ code: 0 });
      const large = readFileSync(out).length;
      expect(await convert(out, "--quantize", "q4")).toMatchObject({ code: 0 });
      expect(readFileSync(out).length).toBeLessThan(large);
    }
  });

  it.each([
    ["a note", "remember the milk"],
    ["a page of binary", "\0".repeat(5000)],
  ])("%s only with --force", async (_, text) => {
    writeFileSync(at("file"), text);
    expect(await convert(at("file"))).toEqual({
      code: 2,
      out: "",
      err: `blockffn: ${at("file")}: is there already and is not a packed model of blockffn, which alone would be replaced; give another name, or --force to replace it\n`,
    });
    expect(readFileSync(at("file"), "utf8")).toBe(text);
    expect(await convert(at("file"), "--force")).toMatchObject({ code: 0 });
    expect(await convert(at("file"))).toMatchObject({ code: 0 });
  });

  it("another model's weights only with --force", async () => {
    const other = join(folder, "other");
    mkdirSync(other);
    writeTinyModel(other);
    expect(await convert(join(other, "model.safetensors"))).toMatchObject({ code: 2 });
    expect(await convert(join(other, "model.safetensors"), "--force")).toMatchObject({ code: 0 });
  });

  it("nothing when it fails", async () => {
    await convert(at("packed"));
    const before = readFileSync(at("packed"));
    writeFileSync(join(source, "model.safetensors"), readFileSync(join(source, "model.safetensors")).subarray(0, -4));
    expect(await convert(at("packed"))).toMatchObject({ code: 1 });
    expect(readFileSync(at("packed")).equals(before)).toBe(true);
  });
});

describe("the other commands keep to the same rule", () => {
  const logits = (out: string, ...more: string[]): Promise<RunResult> =>
    blockffn(["logits", "-m", source, "--tokens", "1,2,3", "--out", out, ...more]);
  const heatmap = (out: string, ...more: string[]): Promise<RunResult> =>
    blockffn(["inspect", source, "--heatmap", out, "--text", at("story.txt"), "--max-tokens", "20", ...more]);
  const tokenizer = (out: string, ...more: string[]): Promise<RunResult> =>
    blockffn(["train", "tokenizer", "--text", at("story.txt"), "--vocab", "300", "--out", out, ...more]);
  const kinds = { logits, heatmap, tokenizer };

  it.each(Object.entries(kinds))("%s: its own output is replaced, a file of another kind with --force", async (_, write) => {
    for (const code of [0, 0]) expect(await write(at("out"))).toMatchObject({ code });
    const own = readFileSync(at("out"));
    for (const other of [
      Buffer.from("a file of the user's, longer than nothing"),
      readFileSync(join(source, "tokenizer.json")),
      readFileSync(join(source, "model.safetensors")),
    ]) {
      writeFileSync(at("out"), other);
      expect(await write(at("out"))).toMatchObject({
        code: 2,
        err: expect.stringMatching(/is there already and is not .*--force to replace it\n$/) as string,
      });
      expect(readFileSync(at("out")).equals(other)).toBe(true);
      expect(await write(at("out"), "--force")).toMatchObject({ code: 0 });
      expect(readFileSync(at("out")).equals(own)).toBe(true);
    }
  });

  it("none writes the others' outputs away", async () => {
    for (const [name, write] of Object.entries(kinds)) {
      await write(at(name));
      for (const [other, another] of Object.entries(kinds))
        if (other !== name) expect(await another(at(name)), `${other} into ${name}`).toMatchObject({ code: 2 });
      expect(await convert(at(name))).toMatchObject({ code: 2 });
    }
  });

  it("none writes what it reads", async () => {
    const before = sourceBytes();
    const story = readFileSync(at("story.txt"), "utf8");
    symlinkSync(at("story.txt"), at("story"));
    for (const name of ["story.txt", "story"])
      for (const write of [heatmap, tokenizer]) expect(await write(at(name), "--force")).toMatchObject({ code: 2 });
    for (const name of ["model.safetensors", "config.json", "chat_template.jinja"])
      for (const write of [heatmap, logits]) expect(await write(join(source, name), "--force")).toMatchObject({ code: 2 });
    expect(sourceBytes()).toEqual(before);
    expect(readFileSync(at("story.txt"), "utf8")).toBe(story);
    await convert(at("packed"));
    expect(await blockffn(["logits", "-m", at("packed"), "--tokens", "1", "--out", at("packed"), "--force"])).toMatchObject({ code: 2 });
    expect(await blockffn(["logits", "--tokens", "1", "--out", at("packed"), "--force"], { defaultModel: at("packed") })).toMatchObject({
      code: 2,
    });
  });
});

describe("training folders", () => {
  const train = (config: string, ...more: string[]): Promise<RunResult> => blockffn(["train", "--config", config, "--json", ...more]);
  const draft = (out: string, ...more: string[]): Promise<RunResult> =>
    blockffn([
      "train",
      "draft",
      "--model",
      source,
      "--text",
      at("story.txt"),
      "--out",
      out,
      "--steps",
      "1",
      "--rows",
      "2",
      "--length",
      "16",
      ...more,
    ]);

  it("a run goes on in its own folder, and in no other's without --force", { timeout: 120_000 }, async () => {
    const config = writeTraining(folder, { schedule: { steps: 1 } });
    mkdirSync(join(folder, "run/model"), { recursive: true });
    writeTinyModel(join(folder, "run/model"));
    const theirs = readFileSync(join(folder, "run/model/model.safetensors"));
    expect(await train(config)).toMatchObject({ code: 2, err: expect.stringContaining("is not of a training run") as string });
    expect(readFileSync(join(folder, "run/model/model.safetensors")).equals(theirs)).toBe(true);
    expect(await train(config, "--force")).toMatchObject({ code: 0 });
    expect(readFileSync(join(folder, "run/model/model.safetensors")).equals(theirs)).toBe(false);
    expect(await train(config)).toMatchObject({ code: 0 });
  });

  it("a run does not write its tokenizer or texts", async () => {
    const config = writeTraining(join(folder, "run/model"), { out: "..", data: { train: ["stories.txt"], tokenizer: "tokenizer.json" } });
    expect(await train(config, "--force")).toMatchObject({
      code: 2,
      err: expect.stringContaining("tokenizer.json itself, which is read") as string,
    });
    const same = join(folder, "same");
    const itself = writeTraining(same, { out: ".", data: { train: ["metrics.jsonl"], tokenizer: "tokenizer.json" } });
    writeFileSync(join(same, "metrics.jsonl"), tinyStories());
    expect(await train(itself, "--force")).toMatchObject({
      code: 2,
      err: expect.stringContaining("metrics.jsonl itself, which is read") as string,
    });
  });

  it("a draft head is not trained into the model's own folder", async () => {
    const before = sourceBytes();
    expect(await draft(source, "--force")).toMatchObject({ code: 2, err: expect.stringContaining("part of the model in") as string });
    expect(sourceBytes()).toEqual(before);
    const other = join(folder, "other");
    mkdirSync(other);
    writeTinyModel(other);
    expect(await draft(other)).toMatchObject({ code: 2, err: expect.stringContaining("is not of a draft head") as string });
  });
});
