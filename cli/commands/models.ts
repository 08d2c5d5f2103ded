import type { Command } from "commander";
import type { ListedModel } from "../../host/models.ts";
import { BlockFFNError, UsageError } from "../../src/errors.ts";
import { summarizeModel } from "../../src/load/summary.ts";
import { bytes, table } from "../format.ts";
import type { Context } from "../io.ts";

/** A model of the list with what its file says; `problem` where it cannot be read. */
interface Described extends ListedModel {
  readonly bytes?: number;
  /** Those of the model, without a draft head. */
  readonly parameters?: number;
  readonly quantization?: string;
  readonly problem?: string;
}

export function registerModels(program: Command, context: Context): void {
  const command = program
    .command("models")
    .description("List the models that --model takes by name: those that come along, those of packages, and fetched ones.")
    .option("--json", "print one JSON list")
    .addHelpText(
      "after",
      `
A model is given as
  NAME                          one of this list; chat comes with the package blockffn-chat
  ./PATH                        a packed file or a Hugging Face folder
  hf:OWNER/NAME                 a repository of the Hugging Face hub: hf:OWNER/NAME@REVISION, hf:OWNER/NAME:FILE
  https://...                   a packed file on a server
The last two are fetched and packed once, into BLOCKFFN_CACHE (default: ~/.cache/blockffn); HF_TOKEN opens private and gated ones,
HF_ENDPOINT names another hub, and with BLOCKFFN_OFFLINE=1 nothing is fetched.

Examples:
  blockffn models
  blockffn generate "Once upon a time" --model hf:OWNER/NAME --quantize q4
  blockffn models remove hf:OWNER/NAME`,
    )
    .action((options: { readonly json?: boolean }) => listCommand(context, options.json === true));
  command
    .command("remove")
    .description("Remove fetched models from the cache.")
    .argument("[models...]", "names, or what they were fetched from")
    .option("--unfinished", "remove what unfinished downloads have left")
    .action((models: readonly string[], options: { readonly unfinished?: boolean }) =>
      removeCommand(context, models, options.unfinished === true),
    );
}

async function listCommand(context: Context, json: boolean): Promise<void> {
  const models: Described[] = [];
  for (const model of await context.io.models.list()) models.push(await describe(context, model));
  if (json) return context.io.out(`${JSON.stringify(models)}\n`);
  const rows = models.map(({ name, bytes: size, parameters, quantization, from, commit, path, problem }) => [
    name,
    size === undefined ? "-" : bytes(size),
    parameters === undefined ? "-" : `${(parameters / 1e6).toFixed(1)} M`,
    quantization ?? "-",
    `  ${problem === undefined ? `${from}${commit === undefined ? "" : ` at ${commit.slice(0, 12)}`}` : `cannot be read: ${problem}`}`,
    `  ${path}`,
  ]);
  await context.io.out(table([["name", "size", "parameters", "weights", "  from", "  file"], ...rows], [4, 5]));
}

async function describe({ io }: Context, model: ListedModel): Promise<Described> {
  try {
    const files = await io.host.open(model.path);
    const { parameters, parts, weights } = await summarizeModel(files);
    const source = await files.open("");
    const size = source?.size ?? 0;
    await source?.close();
    const head = parts.find(({ part }) => part === "draft head")?.parameters ?? 0;
    return { ...model, bytes: size, parameters: parameters - head, quantization: weights };
  } catch (error) {
    if (!(error instanceof BlockFFNError)) throw error;
    return { ...model, problem: error.message };
  }
}

async function removeCommand({ io }: Context, models: readonly string[], unfinished: boolean): Promise<void> {
  if (models.length === 0 && !unfinished) throw new UsageError("name the models to remove, or say --unfinished");
  for (const model of models) for (const path of await io.models.remove(model)) await io.out(`removed ${path}\n`);
  if (unfinished) await io.out(`removed ${bytes(await io.models.removeUnfinished())} of unfinished downloads\n`);
}
