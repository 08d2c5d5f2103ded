import type { Command } from "commander";
import { resolve } from "node:path";
import { UsageError } from "../../src/errors.ts";
import type { BackendChoice } from "../../train/autodiff/jax.ts";
import { number, percent } from "../format.ts";
import type { Context } from "../io.ts";
import { readPaths } from "../model.ts";
import { backendOption, collect, decimal, forceOption, jsonOption, wholeNumber } from "../options.ts";
import { checkFolder } from "../outputs.ts";
import { readTextFile } from "../text-file.ts";

interface Options {
  readonly model: string;
  readonly text: string[];
  readonly out: string;
  readonly steps: number;
  readonly rows: number;
  readonly length: number;
  readonly learningRate: number;
  readonly depth: number;
  readonly featureWeight: number;
  readonly tokenWeight: number;
  readonly ffnSize?: number;
  readonly checkpointEvery: number;
  readonly seed: number;
  readonly backend: BackendChoice;
  readonly force?: boolean;
  readonly json?: boolean;
}

const LINE_MS = 10_000;

export function registerTrainDraft(train: Command, context: Context): void {
  train
    .command("draft")
    .description("Train an EAGLE head that drafts for a model: it learns the frozen model's next state and next token.")
    .requiredOption("-m, --model <folder>", "Hugging Face folder of the model, which is not changed")
    .requiredOption("--text <file>", "UTF-8 text like what the model will write; may be given more than once", collect)
    .requiredOption("-o, --out <folder>", "folder for the head; called again, it goes on from the checkpoint there")
    .option("--steps <n>", "steps", wholeNumber, 1000)
    .option("--rows <n>", "rows of a step", wholeNumber, 8)
    .option("--length <n>", "tokens of a row", wholeNumber, 128)
    .option("--learning-rate <r>", "learning rate", decimal, 0.001)
    .option("--depth <n>", "tokens that it learns to draft on its own output", wholeNumber, 2)
    .option("--feature-weight <w>", "weight of the loss on states", decimal, 0.1)
    .option("--token-weight <w>", "weight of the loss on tokens", decimal, 1)
    .option("--ffn-size <n>", "width of the head's network (default: twice the hidden size)", wholeNumber)
    .option("--checkpoint-every <n>", "steps between checkpoints", wholeNumber, 100)
    .option("--seed <n>", "seed of weights and order of documents", wholeNumber, 1)
    .addOption(backendOption())
    .addOption(forceOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
The folder gets config.json, model.safetensors (the authors' naming) and token_frequency_rank.json, the frequency-ranked vocabulary.

Examples:
  blockffn train draft --model ./my-model --text stories.txt --out ./my-model-eagle
  blockffn train draft --model ./my-model --text a.txt --text b.txt --steps 4000 --depth 3 --out ./my-model-eagle`,
    )
    .action((options: Options) => draftCommand(context, options));
}

async function draftCommand(context: Context, options: Options): Promise<void> {
  const { io, signal } = context;
  check(options);
  const [{ trainDraft }, { ensureNavigator }, { DraftFolder }] = await Promise.all([
    import("../../train/draft/run.ts"),
    import("../../host/node/train/navigator.ts"),
    import("../../host/node/train/draft-folder.ts"),
  ]);
  ensureNavigator();
  const out = resolve(options.out);
  const { files, recognises } = DraftFolder;
  await checkFolder(out, {
    reads: [...(await readPaths(context, [options.model])), ...options.text],
    kind: { name: "a draft head that is trained here", files, recognises },
    force: options.force,
  });
  const texts: { name: string; text: string }[] = [];
  for (const name of options.text) texts.push({ name, text: await readTextFile(name, signal) });
  const store = await DraftFolder.open(out);
  const { steps, rows, length, learningRate, seed } = options;
  let next = 0;
  const result = await trainDraft(
    {
      model: options.model,
      texts,
      checkpointEvery: options.checkpointEvery,
      options: {
        steps,
        rows,
        length,
        learningRate,
        seed,
        objective: { feature: options.featureWeight, token: options.tokenWeight, depth: options.depth },
      },
      ...(options.ffnSize === undefined ? {} : { ffnSize: options.ffnSize }),
    },
    {
      host: io.host,
      store,
      signal,
      backend: options.backend,
      onStep: (report) => {
        const now = performance.now();
        if (options.json === true || now < next) return;
        next = now + LINE_MS;
        const left = Math.round((steps - report.step) * report.seconds);
        io.err(
          `step ${report.step}/${steps}  loss ${report.loss.toFixed(3)}  agreement ${report.agreement.map(percent).join(", ")}  ` +
            `${number(Math.round((rows * length) / report.seconds))} tokens/s  ETA ${Math.ceil(left / 60)} min\n`,
        );
      },
    },
  );
  const { last } = result;
  await io.out(
    options.json === true
      ? `${JSON.stringify({ ...result, out })}\n`
      : [
          `${result.finished ? "finished" : "stopped"} after ${number(result.step)} steps: ${out}, ${number(result.parameters)} weights`,
          ...(last === null ? [] : [`agreement with the model's first choice, step for step: ${last.agreement.map(percent).join(", ")}`]),
          ...(result.finished ? [] : ["run the same command to go on"]),
          "",
        ].join("\n"),
  );
}

function check(options: Options): void {
  const atLeast = (field: "steps" | "rows" | "length" | "depth" | "checkpointEvery" | "seed", least: number): void => {
    if (options[field] < least) throw new UsageError(`must be at least ${least}, not ${options[field]}`, { field, limit: least });
  };
  for (const field of ["steps", "rows", "depth", "checkpointEvery"] as const) atLeast(field, 1);
  atLeast("length", 8);
  if (options.ffnSize !== undefined && options.ffnSize < 1)
    throw new UsageError(`must be at least 1, not ${options.ffnSize}`, { field: "ffnSize", limit: 1 });
  atLeast("seed", 0);
  if (!(options.learningRate > 0)) throw new UsageError(`must be above 0, not ${options.learningRate}`, { field: "learningRate" });
  if (!(options.featureWeight >= 0 && options.tokenWeight >= 0))
    throw new UsageError("must be at least 0", { field: options.featureWeight >= 0 ? "tokenWeight" : "featureWeight" });
}
