import type { Command } from "commander";
import { Option } from "commander";
import { UsageError } from "../../src/errors.ts";
import type { ModelFiles } from "../../src/format/source.ts";
import { convertModel } from "../../src/load/convert.ts";
import { QUANTIZATIONS, type Quantization } from "../../src/architecture/quantization.ts";
import { bytes } from "../format.ts";
import type { Context } from "../io.ts";
import { openFiles, readPaths } from "../model.ts";
import { forceOption, wholeNumber } from "../options.ts";
import { PACKED_MODEL } from "../output-kinds.ts";
import { checkOutput, writeOutput, type OutputRule } from "../outputs.ts";
import { withProgress } from "../progress.ts";

interface Options {
  readonly out: string;
  readonly quantize?: Quantization;
  readonly tokenizer?: string;
  readonly draft?: string;
  readonly draftVocab?: number;
  readonly force?: boolean;
}

export function registerConvert(program: Command, context: Context): void {
  program
    .command("convert")
    .description("Pack a Hugging Face folder (config.json, weights, tokenizer.json) or a GGUF file into one file that loads fast.")
    .argument(
      "<source>",
      "folder with config.json and model.safetensors or pytorch_model.bin; a GGUF file; or a packed model, to have it in the newest format",
    )
    .requiredOption("-o, --out <file>", "packed model to write")
    .addOption(
      new Option(
        "--quantize <type>",
        "f32 exact; q8 8 bits a weight; q4 4 bits, with 8-bit embedding and head; q4-all 4 bits there, too (default: q8; of a " +
          "packed file what it has)",
      ).choices(QUANTIZATIONS),
    )
    .option("--draft <folder>", "EAGLE head to carry: the model then drafts for itself (generate --speculate eagle, auto)")
    .option(
      "--draft-vocab <n>",
      "most frequent tokens that the head drafts, by its token_frequency_rank.json; 0 for all (default: a quarter of the vocabulary)",
      wholeNumber,
    )
    .option("--tokenizer <folder>", "tokenizer and chat template that a packed model gets instead of its own")
    .addOption(forceOption())
    .addHelpText(
      "after",
      `
A packed model that is there already is replaced when the new one is whole.

Examples:
  blockffn convert ./my-model --out my-model.q8.safetensors
  blockffn convert ./my-model --out my-model.q4.safetensors --quantize q4
  blockffn convert my-model.Q4_K_M.gguf --out my-model.q8.safetensors
  blockffn convert old.safetensors --out new.safetensors
  blockffn convert ./my-model --draft ./my-model-eagle --out my-model.q8.safetensors`,
    )
    .action((source: string, options: Options) => convertCommand(context, source, options));
}

async function convertCommand(context: Context, source: string, options: Options): Promise<void> {
  const { out, draft, draftVocab, tokenizer, force } = options;
  if (draftVocab !== undefined && draft === undefined) throw new UsageError("--draft-vocab needs --draft, the EAGLE head that it is for");
  const reads = await readPaths(context, [source, draft, tokenizer]);
  const rule: OutputRule = { reads, kind: PACKED_MODEL, force };
  await checkOutput(out, rule);
  const open = (location: string): Promise<ModelFiles> => openFiles(context, location, { quantize: options.quantize });
  const files = await open(source);
  const head = draft === undefined ? undefined : { files: await open(draft), ...(draftVocab === undefined ? {} : { draftVocab }) };
  const text = tokenizer === undefined ? undefined : await open(tokenizer);
  const result = await writeOutput(out, rule, (file) =>
    withProgress(context, "converting", false, (report) =>
      convertModel(files, options.quantize, (part) => file.write(part), report, head, text),
    ),
  );
  context.io.err(`wrote ${out}: ${result.quantization}, ${bytes(result.fileSize)}${head === undefined ? "" : ", with a draft head"}\n`);
}
