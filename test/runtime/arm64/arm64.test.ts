import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DEFAULT_MODEL } from "../../../host/node/index.ts";
import { WASI_COMMAND } from "../../../host/wasi/index.ts";
import type { GenerationResult } from "../../../src/decode/generation.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { MAX_TOKENS, PROMPTS } from "../prompts.ts";
import { describeTool } from "../wasi/runtimes.ts";
import { ARM_NODE, ARM_WASMTIME, onArm, runnable } from "./tools.ts";

// arm64 instructions, as a Raspberry Pi runs them: the deterministic `simd` tier gives the ids of x86-64, within 512 MB.

const folder = temporaryFolder();
copyFileSync(DEFAULT_MODEL, join(folder, "nano.safetensors"));
const HINT = "run test/runtime/arm64/install.sh";

describeTool("arm64: wasmtime, the WASI command, 512 MB", runnable(ARM_WASMTIME), HINT, () => {
  it("the ten prompts of every host", { timeout: 300_000 }, async () => {
    for (const { prompt, tokens } of PROMPTS) {
      const args = [
        "run",
        "--dir",
        ".",
        WASI_COMMAND,
        "--",
        "--model",
        "nano.safetensors",
        "--prompt",
        prompt,
        "--max-tokens",
        String(MAX_TOKENS),
        "--json",
      ];
      expect((JSON.parse((await onArm(ARM_WASMTIME, args, folder)).stdout) as GenerationResult).tokens).toEqual(tokens);
    }
  });
});

describeTool("arm64: Node, 512 MB", runnable(ARM_NODE), HINT, () => {
  it("the ten prompts of every host", { timeout: 300_000 }, async () => {
    const wanted = JSON.stringify({ maxTokens: MAX_TOKENS, prompts: PROMPTS.map(({ prompt }) => prompt) });
    const { stdout } = await onArm(ARM_NODE, [join(import.meta.dirname, "prompts.mjs"), wanted], folder);
    expect(JSON.parse(stdout)).toEqual({ arch: "arm64", tokens: PROMPTS.map(({ tokens }) => tokens) });
  });
});
