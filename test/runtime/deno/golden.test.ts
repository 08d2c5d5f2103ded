import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { chatModelFile } from "../../helpers/chat-model.ts";
import { describeShared } from "../../helpers/shared.ts";
import { root } from "../../helpers/test-host.ts";
import { CHAT_GOLDENS, CHAT_WANTED, GOLDEN_TOKENS, GOLDENS } from "../chat-goldens.ts";
import { denoBinary, describeInstalled } from "../installed.ts";

const deno = denoBinary();
const built = existsSync(join(root, "dist/lib/deno.js"));

describeShared("the chat model's golden answers on Deno", GOLDENS, () =>
  describeInstalled("Deno", built ? "deno" : "a build", built ? deno : undefined, () => {
    it("q4-all", async () => {
      const model = await chatModelFile();
      const leave = `--allow-read=${join(root, "dist/engine")},${model}`;
      const wanted = JSON.stringify({ maxTokens: GOLDEN_TOKENS, prompts: CHAT_GOLDENS.map(({ prompt }) => prompt) });
      const { status, stdout, stderr } = spawnSync(
        deno as string,
        ["run", "--no-prompt", "--cached-only", leave, "test/runtime/deno/goldens.mjs", model, wanted],
        { cwd: root, env: { ...process.env, NO_COLOR: "1" }, encoding: "utf8" },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(JSON.parse(stdout)).toEqual(CHAT_WANTED);
    });
  }),
);
