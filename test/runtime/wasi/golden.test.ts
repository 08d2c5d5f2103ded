import { copyFileSync, linkSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { GenerationResult } from "../../../src/decode/generation.ts";
import { chatModelFile } from "../../helpers/chat-model.ts";
import { describeShared } from "../../helpers/shared.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { wasiJson } from "../../helpers/wasi.ts";
import { CHAT_GOLDENS, GOLDEN_TOKENS, goldenQuestion, GOLDENS, type ChatGolden } from "../chat-goldens.ts";
import { describeTool, runOn, RUNTIMES } from "./runtimes.ts";

type Command = (args: readonly string[]) => Promise<GenerationResult>;

describeShared("the chat model's golden answers on WASI", GOLDENS, () => {
  const folder = temporaryFolder();

  function goldens(command: Command): void {
    const limits = ["--max-tokens", String(GOLDEN_TOKENS), "--temperature", "0", "--repetition-penalty", "1"];
    const answer = (golden: ChatGolden): object => ({ promptTokens: golden.ids.length, tokens: golden.greedy, text: golden.text });

    it.each(["q4-all", "f32"])("%s: as texts to go on with", async (type) => {
      for (const golden of CHAT_GOLDENS) {
        const result = await command(["--prompt", golden.prompt, "--model", `${type}.safetensors`, ...limits]);
        expect(result).toMatchObject(answer(golden));
      }
    });

    it("as questions, with the system text that the template puts itself, or given", async () => {
      for (const [i, golden] of CHAT_GOLDENS.entries()) {
        const { system, question } = goldenQuestion(golden);
        const result = await command([
          "chat",
          question,
          "--model",
          "q4-all.safetensors",
          ...limits,
          ...(i === 0 ? ["--system", system] : []),
        ]);
        expect(result).toMatchObject(answer(golden));
      }
    });
  }

  beforeAll(async () => {
    for (const type of ["q4-all", "f32"] as const) {
      const file = await chatModelFile(type);
      try {
        linkSync(file, join(folder, `${type}.safetensors`));
      } catch {
        copyFileSync(file, join(folder, `${type}.safetensors`));
      }
    }
  });

  describe("node:wasi", () => goldens((args) => wasiJson(folder, args)));
  for (const runtime of RUNTIMES) {
    describeTool(runtime.name, runtime.tool, "run test/runtime/wasi/install.sh", () =>
      goldens(async (args) => JSON.parse(await runOn(runtime, folder, [...args, "--json"])) as GenerationResult),
    );
  }
});
