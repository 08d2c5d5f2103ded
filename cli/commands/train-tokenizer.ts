import type { Command } from "commander";
import { writeFileAtomically } from "../../host/node/output.ts";
import { trainTokenizer } from "../../train/tokenizer/bpe-trainer.ts";
import { number } from "../format.ts";
import type { Context } from "../io.ts";
import { collect, decimal, wholeNumber } from "../options.ts";
import { withProgress } from "../progress.ts";
import { readTextFile } from "../text-file.ts";

interface Options {
  readonly text: string[];
  readonly vocab: number;
  readonly coverage?: number;
  readonly out: string;
}

export function registerTrainTokenizer(train: Command, context: Context): void {
  train.command("tokenizer")
    .description("Train a byte-fallback BPE tokenizer on plain text. Documents stand between <|endoftext|>.")
    .requiredOption("--text <file>", "UTF-8 text; may be given more than once", collect)
    .requiredOption("--vocab <n>", "entries of the vocabulary, bytes and special tokens included", wholeNumber)
    .requiredOption("-o, --out <file>", "tokenizer.json to write")
    .option("--coverage <share>", "share of the text's characters that get a token; the rest falls back to bytes (default: 0.9998)", decimal)
    .addHelpText("after", `
Examples:
  blockffn train tokenizer --text stories.txt --vocab 2048 --out tokenizer.json
  blockffn train tokenizer --text a.txt --text b.txt --vocab 8192 --coverage 0.9995 --out tokenizer.json`)
    .action((options: Options) => trainTokenizerCommand(context, options));
}

async function trainTokenizerCommand(context: Context, { text, vocab, coverage, out }: Options): Promise<void> {
  const texts: { name: string; text: string }[] = [];
  for (const name of text) texts.push({ name, text: await readTextFile(name, context.signal) });
  const json = await withProgress(context, "merging", false, async (onProgress) =>
    trainTokenizer(texts, { vocabSize: vocab, onProgress, ...(coverage === undefined ? {} : { coverage }) }));
  await writeFileAtomically(out, (file) => file.write(json));
  context.io.err(`wrote ${out}: ${number(vocab)} entries\n`);
}
