import { Option, type Command } from "commander";
import type { Context } from "../../cli/io.ts";
import { jsonOption, modelOption, wholeNumber } from "../../cli/options.ts";
import { UsageError } from "../../src/errors.ts";
import { TIERS, type Tier } from "../../src/host.ts";
import { runRows } from "../rows/main.ts";
import { COVERED } from "../rows/passes.ts";
import { formatRows } from "../rows/report.ts";

interface Options {
  readonly model?: string;
  readonly tier: Tier;
  readonly against: string[];
  readonly context: string[];
  readonly rows: string[];
  readonly prefill: number;
  readonly products?: boolean;
  readonly rounds: number;
  readonly json?: boolean;
}

export function registerBenchRows(bench: Command, context: Context): void {
  bench
    .command("rows")
    .description("Time warm passes of several rows with logits on each, and prefill, on one thread: what further rows of a pass cost.")
    .addOption(modelOption())
    .addOption(new Option("--tier <tier>", "kernels to measure").choices(TIERS).default("simd"))
    .option("--against <folder...>", "copies of other builds' dist/engine, measured in turn with this one", [])
    .option("--context <tokens...>", "tokens before the rows", ["64"])
    .option("--rows <n...>", `rows of a pass, divisors of ${COVERED}`, ["1", "2", "4", "8", "16"])
    .option("--prefill <tokens>", "tokens of a prompt; 0 leaves it out", wholeNumber, 256)
    .option("--products", "also time the parts of a pass, and its products from a cache beside the bare tile")
    .option("--rounds <n>", "alternating rounds", wholeNumber, 15)
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const counts = options.rows.map(wholeNumber);
      const odd = counts.find((n) => n < 1 || COVERED % n !== 0);
      if (odd !== undefined) throw new UsageError(`--rows takes divisors of ${COVERED}, not ${odd}`);
      const { io, signal } = context;
      const report = await runRows({
        model: options.model ?? io.defaultModel,
        tier: options.tier,
        against: options.against,
        contexts: options.context.map(wholeNumber),
        counts,
        prefill: options.prefill,
        products: options.products === true,
        rounds: options.rounds,
        onProgress: (what) => {
          signal.throwIfAborted();
          if (io.stderrIsTty) io.err(`\r\u001b[K${what}`);
        },
      });
      if (io.stderrIsTty) io.err("\r\u001b[K");
      await io.out(options.json === true ? `${JSON.stringify(report)}\n` : formatRows(report));
    });
}
