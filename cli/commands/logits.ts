import type { Command } from "commander";
import type { OutputFile } from "../../host/node/output.ts";
import { integer } from "../../src/decode/options.ts";
import { encodePrompt } from "../../src/decode/plain/prompt.ts";
import type { Model } from "../../src/model.ts";
import type { Context } from "../io.ts";
import { openModel, readPaths, type ModelOptions } from "../model.ts";
import { ffnOption, forceOption, modelOption, quantizeOption, threadsOption, tierOption, tokenIds, wholeNumber } from "../options.ts";
import { logitsKind } from "../output-kinds.ts";
import { writeOutput } from "../outputs.ts";
import { withProgress } from "../progress.ts";

interface Options extends ModelOptions {
  readonly tokens: number[];
  readonly out: string;
  readonly last?: number;
  readonly chunk?: number;
  readonly force?: boolean;
}

export function registerLogits(program: Command, context: Context): void {
  program
    .command("logits")
    .description("Write the logits of token ids as raw little-endian float32 [n, vocab].")
    .addOption(modelOption())
    .requiredOption("--tokens <ids>", "token ids, such as 1,2,3", tokenIds)
    .option("--last <n>", "only those of the last n tokens (default: all)", wholeNumber)
    .option("--chunk <n>", "tokens computed at a time; changes no bit (default: as many as fit)", wholeNumber)
    .requiredOption("-o, --out <file>", "file to write")
    .addOption(forceOption())
    .addOption(ffnOption())
    .addOption(tierOption())
    .addOption(threadsOption())
    .addOption(quantizeOption())
    .addHelpText(
      "after",
      `
Examples:
  blockffn logits --model ./my-model --tokens 1,403,298 --out logits.f32
  blockffn logits --tokens 1,403,298 --last 1 --tier scalar --out last.f32`,
    )
    .action((options: Options) => logitsCommand(context, options));
}

async function logitsCommand(context: Context, options: Options): Promise<void> {
  const model = await openModel(context, options);
  try {
    const ids = encodePrompt(options.tokens, undefined, model.config.vocabSize);
    const rows = integer("last", options.last ?? ids.length, 1, ids.length);
    const most = Math.min(model.loaded.maxChunk, model.loaded.maxLogitRows);
    const chunk = integer("chunk", options.chunk ?? most, 1, most);
    const reads = await readPaths(context, [options.model ?? context.io.defaultModel]);
    const rule = { reads, kind: logitsKind(model.config.vocabSize), force: options.force };
    await writeOutput(options.out, rule, (file) =>
      withProgress(context, "computing logits", false, (report) => writeLogits(model, ids, rows, chunk, file, report)),
    );
    context.io.err(`wrote ${options.out}: float32 [${rows}, ${model.config.vocabSize}]\n`);
  } finally {
    model.dispose();
  }
}

async function writeLogits(
  model: Model,
  ids: Uint32Array,
  rows: number,
  chunk: number,
  file: OutputFile,
  report: (done: number, total: number) => void,
): Promise<void> {
  const sequence = model.newSequence({ capacity: ids.length });
  const first = ids.length - rows;
  for (let at = 0; at < ids.length; at += chunk) {
    const part = ids.subarray(at, at + chunk);
    const end = at + part.length;
    const result = sequence.forward(part, { logits: end > first ? "all" : "none" });
    for (let row = Math.max(first - at, 0); row < result.logitRows; row++) {
      const { buffer, byteOffset, byteLength } = result.logits(row);
      await file.write(new Uint8Array(buffer, byteOffset, byteLength));
    }
    report(end, ids.length);
  }
  sequence.dispose();
}
