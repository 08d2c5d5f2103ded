import type { Command } from "commander";
import { paceSteps } from "../../train/data/steps.ts";
import { tokenizerSteps } from "../../train/tokenizer/bpe-trainer.ts";
import { number } from "../format.ts";
import type { Context } from "../io.ts";
import { collect, decimal, forceOption, wholeNumber } from "../options.ts";
import { TRAINED_TOKENIZER } from "../output-kinds.ts";
import { checkOutput, writeOutput, type OutputRule } from "../outputs.ts";
import { withProgress } from "../progress.ts";
import { readTextFile } from "../text-file.ts";

interface Options {
  readonly text: string[];
  readonly vocab: number;
  readonly coverage?: number;
  readonly out: string;
  readonly force?: boolean;
}

export function registerTrainTokenizer(train: Command, context: Context): void {
  train
    .command("tokenizer")
    .description("Train a byte-fallback BPE tokenizer on plain text. Documents stand between <|endoftext|>.")
    .requiredOption("--text <file>", "UTF-8 text; may be given more than once", collect)
    .requiredOption("--vocab <n>", "entries of the vocabulary, bytes and special tokens included", wholeNumber)
    .requiredOption("-o, --out <file>", "tokenizer.json to write")
    .option(
      "--coverage <share>",
      "share of the text's characters that get a token; the rest falls back to bytes (default: 0.9998)",
      decimal,
    )
    .addOption(forceOption())
    .addHelpText(
      "after",
      `
Examples:
  blockffn train tokenizer --text stories.txt --vocab 2048 --out tokenizer.json
  blockffn train tokenizer --text a.txt --text b.txt --vocab 8192 --coverage 0.9995 --out tokenizer.json`,
    )
    .action((options: Options) => trainTokenizerCommand(context, options));
}

async function trainTokenizerCommand(context: Context, { text, vocab, coverage, out, force }: Options): Promise<void> {
  const { io, signal } = context;
  const rule: OutputRule = { reads: text, kind: TRAINED_TOKENIZER, force };
  await checkOutput(out, rule);
  const texts: { name: string; text: string }[] = [];
  for (const name of text) texts.push({ name, text: await readTextFile(name, signal) });
  const json = await withProgress(context, "merging", false, (onProgress) =>
    paceSteps(tokenizerSteps(texts, { vocabSize: vocab, ...(coverage === undefined ? {} : { coverage }) }), {
      signal,
      onProgress,
      pause: io.host.pause,
    }),
  );
  await writeOutput(out, rule, (file) => file.write(json));
  io.err(`wrote ${out}: ${number(vocab)} entries\n`);
}
