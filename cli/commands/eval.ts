import type { Command } from "commander";
import type { Evaluation } from "../../src/decode/evaluate.ts";
import { UsageError } from "../../src/errors.ts";
import { number, percent } from "../format.ts";
import type { Context } from "../io.ts";
import { openModel } from "../model.ts";
import { ffnOption, forceOption, jsonOption, modelOption, quantizeOption, threadsOption, tierOption, wholeNumber } from "../options.ts";
import { withProgress } from "../progress.ts";
import { readTextFile } from "../text-file.ts";
import { suiteCommand, type SuiteCommandOptions } from "./eval-suite.ts";

interface Options extends SuiteCommandOptions {
  readonly suite?: boolean;
  readonly context?: number;
  readonly maxDocuments?: number;
}

const SUITE_ONLY = ["teacher", "prompts", "answers", "answerCount", "pieces", "loopAnswers", "card", "about"] as const;

export function registerEval(program: Command, context: Context): void {
  program
    .command("eval")
    .description("Measure perplexity and sparsity on a text. Documents stand between <|endoftext|>; each has a context of its own.")
    .option("--text <file>", "UTF-8 text; with --suite optional")
    .addOption(modelOption())
    .option("--context <n>", "cut documents at n tokens (default: 256, or what the model takes)", wholeNumber)
    .option("--max-documents <n>", "only the first n documents (default: all)", wholeNumber)
    .option("--suite", "a chat model's quality: a teacher's answers, instructions with checks, loops, the text in pieces of 1,024 tokens")
    .option("--teacher <model>", "suite: the dense model that it came from; figures then stand beside its own")
    .option("--prompts <file>", "suite: prompts in Spec-Bench's format, one JSON object a line: question_id, category, turns")
    .option("--answers <file>", "suite: the teacher's answers, written there at the first run and read from then on")
    .option("--answer-count <n>", "suite: how many of the teacher's answers (default: 96)", wholeNumber)
    .option("--pieces <n>", "suite: how many pieces of the text (default: 64)", wholeNumber)
    .option("--loop-answers <n>", "suite: how many answers are searched for loops (default: 100)", wholeNumber)
    .option("--card <file>", "suite: write a model card in Markdown; needs --about")
    .option("--about <file>", "suite: JSON with title, licence, teacher {name, licence}, texts [{name, licence}], tokens, seed, code")
    .addOption(forceOption())
    .addOption(ffnOption())
    .addOption(tierOption())
    .addOption(threadsOption())
    .addOption(quantizeOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Printed: predicted tokens; nll, the mean negative log-likelihood of a token in nats; perplexity = exp(nll);
tls, the share of experts that a token leaves out; cls for n, the share that n consecutive tokens all leave out;
reuseRatio, the share of a token's experts that the next one uses too.

Examples:
  blockffn eval --text stories.txt
  blockffn eval --text stories.txt --model ./my-model --context 512 --max-documents 30 --json
  blockffn eval --suite --model chat --teacher teacher.gguf --prompts spec_bench.jsonl --text wiki.txt --card CARD.md --about about.json`,
    )
    .action((options: Options) => evalCommand(context, options));
}

async function evalCommand(context: Context, options: Options): Promise<void> {
  const { io, signal } = context;
  if (options.suite === true) return suiteCommand(context, options);
  if (options.text === undefined) throw new UsageError("--text needs a file; or measure a chat model with --suite");
  for (const name of SUITE_ONLY) if (options[name] !== undefined) throw new UsageError("belongs to --suite", { field: name });
  const text = await readTextFile(options.text, signal);
  const model = await openModel(context, options);
  try {
    const result = await withProgress(context, "evaluating", options.json === true, (onProgress) =>
      model.evaluate(text, {
        signal,
        onProgress,
        ...(options.context === undefined ? {} : { context: options.context }),
        ...(options.maxDocuments === undefined ? {} : { maxDocuments: options.maxDocuments }),
      }),
    );
    await io.out(options.json === true ? `${JSON.stringify(result)}\n` : report(result));
  } finally {
    model.dispose();
  }
}

function report(result: Evaluation): string {
  const cut = result.documentsCut === 0 ? "" : ` (${result.documentsCut} cut at the context's end)`;
  const lines = [
    `documents   ${number(result.documents)}${cut}`,
    `tokens      ${number(result.tokens)}`,
    `nll         ${result.nll.toFixed(6)}`,
    `perplexity  ${result.perplexity.toFixed(4)}`,
  ];
  if (result.tls !== null) lines.push(`tls         ${percent(result.tls)}`);
  for (const [size, cls] of Object.entries(result.cls ?? {}))
    lines.push(`cls ${size.padEnd(8)}${cls === null ? "no whole chunk" : percent(cls)}`);
  if (result.reuseRatio !== null) lines.push(`reuseRatio  ${percent(result.reuseRatio)}`);
  return `${lines.join("\n")}\n`;
}
