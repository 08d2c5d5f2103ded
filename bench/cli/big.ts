import { Option, type Command } from "commander";
import { benchBig, formatBig } from "../big.ts";
import { SHAPES } from "../../synthetic/shapes.ts";
import { TIERS, type Tier } from "../../src/host.ts";
import { QUANTIZATIONS, type Quantization } from "../../src/architecture/quantization.ts";
import type { Context } from "../../cli/io.ts";
import { jsonOption, wholeNumber } from "../../cli/options.ts";

interface Options {
  readonly shape: string;
  readonly quantize: Quantization;
  readonly tier: Tier;
  readonly context: number;
  readonly json?: boolean;
}

export function registerBenchBig(bench: Command, { io, signal }: Context): void {
  bench
    .command("big")
    .description(
      "Write a large model with synthetic weights, load it and decode with a long context: does it fit into WebAssembly's 4 GiB?",
    )
    .addOption(new Option("--shape <name>", "shape to run").choices(Object.keys(SHAPES)).default("2.8B"))
    .addOption(new Option("--quantize <type>", "weights").choices(QUANTIZATIONS).default("q4"))
    .addOption(new Option("--tier <tier>", "kernels to use").choices(TIERS).default("simd"))
    .option("--context <n>", "tokens that the sequence has room for", wholeNumber, 4096)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
The file (1.8 GB for 2.8B at q4) goes to the system's temporary folder and is removed at the end.
Examples:
  npm run bench -- big
  npm run bench -- big --shape XLarge --quantize q8 --json`,
    )
    .action(async (options: Options) => {
      const result = await benchBig({
        shape: options.shape,
        quantization: options.quantize,
        tier: options.tier,
        context: options.context,
        onProgress: (what) => {
          signal.throwIfAborted();
          if (io.stderrIsTty) io.err(`\r\u001b[K${what}`);
        },
      });
      if (io.stderrIsTty) io.err("\r\u001b[K");
      await io.out(options.json === true ? `${JSON.stringify(result)}\n` : formatBig(result));
    });
}
