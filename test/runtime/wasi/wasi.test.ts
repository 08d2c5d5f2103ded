import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULT_MODEL } from "../../../host/node/index.ts";
import type { GenerationResult } from "../../../src/decode/generation.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { wasiJson } from "../../helpers/wasi.ts";
import { MAX_TOKENS, PROMPTS } from "../prompts.ts";
import { describeTool, runOn, RUNTIMES } from "./runtimes.ts";

const folder = temporaryFolder();
copyFileSync(DEFAULT_MODEL, join(folder, "nano.safetensors"));

type Command = (args: readonly string[]) => Promise<GenerationResult>;

function tenPrompts(command: Command): void {
  it.each(["off", "ngram"])("the ten prompts of every host, speculation %s", async (speculate) => {
    for (const { prompt, promptTokens, tokens, text } of PROMPTS) {
      const args = ["--model", "nano.safetensors", "--prompt", prompt, "--max-tokens", String(MAX_TOKENS), "--speculate", speculate];
      const result = await command(args);
      expect(result.tokens).toEqual(tokens);
      expect(result.text).toBe(text);
      expect(result.promptTokens).toBe(promptTokens.length);
    }
  });

  it("draws the same tokens as every other host from the same seed", async () => {
    const args = [
      "--model",
      "nano.safetensors",
      "--prompt",
      "A big dog",
      "--temperature",
      "0.9",
      "--top-p",
      "0.95",
      "--seed",
      "11",
      "--max-tokens",
      "48",
    ];
    expect((await command(args)).tokens).toEqual((await wasiJson(folder, args)).tokens);
  });
}

describe("node:wasi", () => tenPrompts((args) => wasiJson(folder, args)));

for (const runtime of RUNTIMES) {
  describeTool(runtime.name, runtime.tool, "run test/runtime/wasi/install.sh", () => {
    tenPrompts(async (args) => JSON.parse(await runOn(runtime, folder, [...args, "--json"])) as GenerationResult);

    it("prints text, and says what is wrong with an exit code", async () => {
      const [first] = PROMPTS;
      const text = await runOn(runtime, folder, [
        "--model",
        "nano.safetensors",
        "--prompt",
        first!.prompt,
        "--max-tokens",
        String(MAX_TOKENS),
      ]);
      expect(text).toBe(`${first!.text}\n`);
      await expect(runOn(runtime, folder, ["--model", "none", "--prompt", "a"])).rejects.toThrow("none: there is no such file");
      await expect(runOn(runtime, folder, ["--modle", "none"])).rejects.toThrow("unknown option --modle");
    });
  });
}
