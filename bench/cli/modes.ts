import { MAX_THREADS } from "../../core/layout/team.ts";
import { Option, type Command } from "commander";
import { ROUTING } from "../modes/paper.ts";
import { runModes } from "../modes/main.ts";
import { modesSvg } from "../modes/plot.ts";
import { parsePrompts } from "../../src/suite/spec-bench.ts";
import { formatModes } from "../modes/report.ts";
import { UsageError } from "../../src/errors.ts";
import { TIERS, type Tier } from "../../src/host.ts";
import { QUANTIZATIONS, type Quantization } from "../../src/architecture/quantization.ts";
import type { Context } from "../../cli/io.ts";
import { forceOption, jsonOption, modelOption, wholeNumber } from "../../cli/options.ts";
import { svgKind } from "../../cli/output-kinds.ts";
import { checkOutput, writeOutput, type OutputRule } from "../../cli/outputs.ts";
import { readTextFile } from "../../cli/text-file.ts";

interface Options {
  readonly model?: string;
  readonly draft?: string;
  readonly shape: string[];
  readonly quantize: Quantization[];
  readonly tier: Tier;
  readonly threads: string[];
  readonly prompts?: string;
  readonly perCategory: number;
  readonly maxTokens: number;
  readonly sizes: string[];
  readonly rounds?: number;
  readonly quick?: boolean;
  readonly plot?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

const MAX_NODES = 64;
const PLOT = svgKind("a plot of bench modes", /^Dense and sparse decoding/);

export function registerBenchModes(bench: Command, context: Context): void {
  const names = Object.keys(ROUTING).join(", ");
  bench
    .command("modes")
    .description("Compare dense and sparse decoding, with and without speculation: the BlockFFN paper's table 6.")
    .addOption(modelOption())
    .option("--draft <folder>", "an EAGLE head of the model, to draft with besides look-up (default: the one that it carries)")
    .option(
      "--shape <name...>",
      `instead of a model: published shapes with synthetic weights and simulated routing and acceptance: ${names}`,
      [],
    )
    .addOption(new Option("--quantize <type...>", "weights of the synthetic shapes").choices(QUANTIZATIONS).default(["q4"]))
    .addOption(new Option("--tier <tier>", "kernels to measure").choices(TIERS).default("simd"))
    .option("--threads <n...>", "threads to measure with, one run each", ["1"])
    .option(
      "--prompts <file>",
      "prompts in Spec-Bench's format, one JSON object a line: question_id, category, turns (default: beginnings of stories)",
    )
    .option("--per-category <n>", "prompts of each category of that file", wholeNumber, 4)
    .option("--max-tokens <n>", "new tokens of a prompt", wholeNumber, 64)
    .option("--sizes <nodes...>", "nodes of the draft trees to try", ["2", "4", "8", "16", "32"])
    .option("--rounds <n>", "alternating rounds, whose median counts (default: 3 on prompts, 9 with synthetic weights)", wholeNumber)
    .option("--quick", "one round, of one pass a mode where weights are synthetic")
    .option("--plot <file.svg>", "also draw speed and FFN time")
    .addOption(forceOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  npm run bench -- modes
  npm run bench -- modes --threads 1 2 --plot modes.svg
  npm run bench -- modes --model my.q4.safetensors --prompts spec_bench.jsonl
  npm run bench -- modes --shape Small Large 2.8B --quantize q4 --json`,
    )
    .action(async (options: Options) => {
      const { io, signal } = context;
      if (options.shape.length > 0 && (options.model !== undefined || options.draft !== undefined))
        throw new UsageError("--shape runs synthetic weights; leave out --model and --draft");
      const rule: OutputRule = {
        reads: [options.shape.length > 0 ? undefined : (options.model ?? io.defaultModel), options.draft, options.prompts],
        kind: PLOT,
        force: options.force,
      };
      if (options.plot !== undefined) await checkOutput(options.plot, rule);
      const prompts =
        options.prompts === undefined
          ? undefined
          : parsePrompts(await readTextFile(options.prompts, signal), options.prompts, within("per-category", options.perCategory, 1, 1e6));
      const report = await runModes({
        model: options.shape.length > 0 ? undefined : (options.model ?? io.defaultModel),
        draft: options.draft,
        shapes: options.shape,
        quantizations: options.quantize,
        tier: options.tier,
        prompts,
        maxTokens: within("max-tokens", options.maxTokens, 2, 1e6),
        threads: options.threads.map((n) => within("threads", Number(n), 1, MAX_THREADS)),
        sizes: options.sizes.map((n) => within("sizes", Number(n), 2, MAX_NODES)),
        rounds: options.quick === true ? 1 : within("rounds", options.rounds ?? (options.shape.length > 0 ? 9 : 3), 1, 1000),
        quick: options.quick === true,
        onProgress: (what) => {
          signal.throwIfAborted();
          if (io.stderrIsTty) io.err(`\r\u001b[K${what}`);
        },
      });
      if (io.stderrIsTty) io.err("\r\u001b[K");
      if (options.plot !== undefined) {
        const svg = modesSvg(report);
        await writeOutput(options.plot, rule, (file) => file.write(new TextEncoder().encode(svg)));
      }
      await io.out(options.json === true ? `${JSON.stringify(report)}\n` : formatModes(report));
    });
}

function within(flag: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`--${flag} must be a whole number from ${least} to ${most}`);
}
