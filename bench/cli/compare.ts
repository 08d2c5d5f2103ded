import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Option, type Command } from "commander";
import type { Context } from "../../cli/io.ts";
import { jsonOption, modelOption, wholeNumber } from "../../cli/options.ts";
import { PACKAGE_ROOT } from "../../host/node/package.ts";
import { TIERS, type Tier } from "../../src/host.ts";
import { compareBuilds, formatCompare } from "../compare.ts";

interface Options {
  readonly head: string;
  readonly model?: string;
  readonly baseModel?: string;
  readonly tier: Tier;
  readonly pairs: number;
  readonly prefill: number;
  readonly decode: number;
  readonly json?: boolean;
}

export function registerBenchCompare(bench: Command, { io }: Context): void {
  bench
    .command("compare")
    .description(
      "Time this build beside another checkout's: loading, prefill and decoding in processes that take turns; ratios with " +
        "their 95 % interval.",
    )
    .argument("<base>", "a built checkout to compare with")
    .addOption(new Option("--head <folder>", "the checkout that is compared").default(fileURLToPath(PACKAGE_ROOT), "this one"))
    .addOption(modelOption())
    .option("--base-model <path>", "the model in the form that the base reads (default: the same file)")
    .addOption(new Option("--tier <tier>", "kernels to measure").choices(TIERS).default("simd"))
    .option("--pairs <n>", "pairs of processes", wholeNumber, 15)
    .option("--prefill <n>", "tokens of the prompt", wholeNumber, 256)
    .option("--decode <n>", "new tokens", wholeNumber, 64)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  npm run bench -- compare ../before --model 135M.q8.safetensors
  npm run bench -- compare ../before --tier relaxed --pairs 31 --json`,
    )
    .action(async (base: string, options: Options) => {
      const model = resolve(options.model ?? io.defaultModel);
      const rows = await compareBuilds({
        base: resolve(base),
        head: resolve(options.head),
        model,
        baseModel: options.baseModel === undefined ? model : resolve(options.baseModel),
        tier: options.tier,
        pairs: options.pairs,
        prefill: options.prefill,
        decode: options.decode,
        onProgress: (what) => {
          if (io.stderrIsTty) io.err(`\r\u001b[K${what}`);
        },
      });
      if (io.stderrIsTty) io.err("\r\u001b[K");
      await io.out(options.json === true ? `${JSON.stringify(rows)}\n` : formatCompare(rows));
    });
}
