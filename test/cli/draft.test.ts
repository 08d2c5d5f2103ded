import { join } from "node:path";
import { expect, it } from "vitest";
import { DEFAULT_MODEL } from "../../host/node/package.ts";
import type { GenerationResult } from "../../src/decode/generation.ts";
import { blockffn } from "../helpers/fake-io.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";

const folder = temporaryFolder();
const NANO = sharedPath("checkpoints/blockffn-nano");

async function json(...args: string[]): Promise<GenerationResult> {
  const { code, out, err } = await blockffn(["generate", "Once upon a time", "-n", "60", "--ignore-eos", "--json", ...args]);
  expect(err).toBe("");
  expect(code).toBe(0);
  return JSON.parse(out) as GenerationResult;
}

describeShared("convert --draft", "checkpoints/blockffn-nano-eagle", () => {
  it("packs a head that then drafts the same text, greedy or drawn", { timeout: 120_000 }, async () => {
    const out = join(folder, "nano.q4.safetensors");
    const done = await blockffn([
      "convert",
      NANO,
      "--draft",
      sharedPath("checkpoints/blockffn-nano-eagle"),
      "--draft-vocab",
      "512",
      "--quantize",
      "q4",
      "--out",
      out,
    ]);
    expect(done).toMatchObject({ code: 0 });
    expect(done.err).toMatch(/q4, .*with a draft head/);
    expect((await blockffn(["inspect", out])).out).toMatch(/draft head +\d/);
    for (const sampling of [[], ["--temperature", "0.8", "--seed", "3"]]) {
      const plain = await json("-m", out, "--speculate", "off", ...sampling);
      const eagle = await json("-m", out, "--speculate", "eagle", "--draft-tokens", "6", ...sampling);
      expect(eagle.tokens).toEqual(plain.tokens);
      expect(eagle.acceptLength!).toBeGreaterThan(1.5);
      expect(Object.keys(eagle.decisions!.rounds["eagle"]!)).toContain("6");
      const model = await json("-m", out, "--speculate", "model", "--draft-model", out, ...sampling);
      expect(model.tokens).toEqual(plain.tokens);
      expect(model.acceptLength!).toBeGreaterThan(2);
    }
  });

  it("the model that comes with blockffn carries one, and --verbose tells what it did", async () => {
    const { code, err } = await blockffn([
      "generate",
      "Once upon a time",
      "-m",
      DEFAULT_MODEL,
      "-n",
      "40",
      "--speculate",
      "eagle",
      "--verbose",
    ]);
    expect(code).toBe(0);
    expect(err).toMatch(/drafted tokens accepted in \d+ rounds/);
    expect(err).toMatch(/^drafter +ms a draft +accepted +rounds by nodes$/m);
    expect(err).toMatch(/^eagle +\d+\.\d{3} +\d+\.\d % +.*4: \d+$/m);
    expect(err).toMatch(/^rows of a chunk +ms +experts$/m);
  });
});

it("refuses heads and draft models that do not fit", async () => {
  const tiny = writeTinyModel(folder, "block");
  const out = join(folder, "x.safetensors");
  expect((await blockffn(["convert", tiny, "--out", out, "--draft-vocab", "5"])).err).toMatch(/--draft-vocab needs --draft/);
  const wrong = await blockffn(["convert", tiny, "--out", out, "--draft", tiny]);
  expect(wrong.code).toBe(1);
  expect(wrong.err).toMatch(/config.json|fc.weight/);
  const other = await blockffn(["generate", "tom", "-m", DEFAULT_MODEL, "--draft-model", tiny, "--speculate", "model"]);
  expect(other).toMatchObject({ code: 1, out: "" });
  expect(other.err).toMatch(
    /draftModel: cannot draft for .*: its vocabulary has \d+ tokens, not 4096; a draft model needs the same tokenizer/,
  );
});
