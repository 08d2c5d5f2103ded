import type { Command } from "commander";
import type { Evaluation } from "../../src/decode/evaluate.ts";
import { number, percent } from "../format.ts";
import type { Context } from "../io.ts";
import { openModel, type ModelOptions } from "../model.ts";
import { ffnOption, jsonOption, modelOption, quantizeOption, threadsOption, tierOption, wholeNumber } from "../options.ts";
import { withProgress } from "../progress.ts";
import { readTextFile } from "../text-file.ts";

interface Options extends ModelOptions {
  readonly text: string;
  readonly context?: number;
  readonly maxDocuments?: number;
}

export function registerEval(program: Command, context: Context): void {
  program
    .command("eval")
    .description("Measure perplexity and sparsity on a text. Documents stand between <|endoftext|>; each has a context of its own.")
    .requiredOption("--text <file>", "UTF-8 text")
    .addOption(modelOption())
    .option("--context <n>", "cut documents at n tokens (default: 256, or what the model takes)", wholeNumber)
    .option("--max-documents <n>", "only the first n documents (default: all)", wholeNumber)
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
  blockffn eval --text stories.txt --model ./my-model --context 512 --max-documents 30 --json`,
    )
    .action((options: Options) => evalCommand(context, options));
}

async function evalCommand(context: Context, options: Options): Promise<void> {
  const { io, signal } = context;
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
