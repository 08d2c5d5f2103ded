import { Option, type Command } from "commander";
import type { Context } from "../../cli/io.ts";
import { jsonOption, modelOption, wholeNumber } from "../../cli/options.ts";
import { nodeHost } from "../../host/node/index.ts";
import { TIERS, type Tier } from "../../src/host.ts";
import { loadModel } from "../../src/load/load.ts";
import { benchContext, formatContext, type ContextResult } from "../context.ts";

interface Options {
  readonly model?: string;
  readonly tier: Tier[];
  readonly contexts: string[];
  readonly rows: string[];
  readonly rounds: number;
  readonly json?: boolean;
}

export function registerBenchContext(bench: Command, { io, signal }: Context): void {
  bench
    .command("context")
    .description("Time a warm pass of some rows behind caches of several lengths, on one thread, and what of it the cache costs.")
    .addOption(modelOption())
    .addOption(new Option("--tier <tier...>", "kernels to measure").choices(TIERS).default(["simd"]))
    .option("--contexts <tokens...>", "tokens before the pass", ["64", "256", "512", "1024", "2000"])
    .option("--rows <n...>", "rows of the pass", ["1", "4"])
    .option("--rounds <n>", "alternating rounds, whose fastest counts", wholeNumber, 15)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  npm run bench -- context --model chat.q4-all.safetensors
  npm run bench -- context --contexts 64 --rows 1 4 8 --json`,
    )
    .action(async (options: Options) => {
      const onProgress = (what: string): void => {
        signal.throwIfAborted();
        if (io.stderrIsTty) io.err(`\r\u001b[K${what}`);
      };
      const results: ContextResult[] = [];
      for (const tier of options.tier) {
        const model = await loadModel(nodeHost, options.model ?? io.defaultModel, { tier, threads: 1 });
        results.push(
          ...benchContext(model, {
            contexts: options.contexts.map(wholeNumber),
            rows: options.rows.map(wholeNumber),
            rounds: options.rounds,
            token: (position) => (position * 37 + 11) % model.config.vocabSize,
            onProgress,
          }),
        );
        model.dispose();
      }
      if (io.stderrIsTty) io.err("\r\u001b[K");
      await io.out(options.json === true ? `${JSON.stringify(results)}\n` : formatContext(results));
    });
}
