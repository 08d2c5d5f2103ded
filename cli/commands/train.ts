import type { Command } from "commander";
import { dirname, resolve } from "node:path";
import { UsageError } from "../../src/errors.ts";
import type { BackendChoice } from "../../train/autodiff/jax.ts";
import type { TrainResult } from "../../train/run/loop.ts";
import { number, percent } from "../format.ts";
import type { Context } from "../io.ts";
import { backendOption, forceOption, jsonOption } from "../options.ts";
import { checkFolder } from "../outputs.ts";
import { withProgress } from "../progress.ts";
import { readBytes, readTrainInputs, runKind, trainInputPaths } from "../train-inputs.ts";
import { TrainProgress } from "../train-progress.ts";
import { registerTrainCompare } from "./train-compare.ts";
import { registerTrainDraft } from "./train-draft.ts";
import { registerTrainTokenizer } from "./train-tokenizer.ts";

interface Options {
  readonly config?: string;
  readonly backend: BackendChoice;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function registerTrain(program: Command, context: Context): void {
  const command = program
    .command("train")
    // `train compare --config` is compare's option, not train's.
    .enablePositionalOptions()
    .description("Train a model from plain text, or go on with a run that was cut off.")
    .option("--config <file>", "what to train; paths in it are relative to it (needed)")
    .addOption(backendOption())
    .addOption(forceOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
The run's folder (\`out\` in the configuration) gets checkpoint.safetensors, metrics.jsonl, curves.svg and model/, a Hugging Face
folder that generate, eval and convert take. Called again, it goes on from the last checkpoint. Ctrl-C writes one first.

Examples:
  blockffn train tokenizer --text stories.txt --vocab 2048 --out tokenizer.json
  blockffn train --config examples/train/tiny.json
  blockffn generate "Once upon a time" --model runs/tiny/model`,
    )
    .action((options: Options) => trainCommand(context, options));
  registerTrainTokenizer(command, context);
  registerTrainDraft(command, context);
  registerTrainCompare(command, context);
}

async function trainCommand(context: Context, options: Options): Promise<void> {
  const { io, signal } = context;
  // The autodiff library takes time to load: only who trains waits for it.
  const [{ parseTrainConfig }, { train }, { workerGradients }, { RunFolder }] = await Promise.all([
    import("../../train/config/parse.ts"),
    import("../../train/run/loop.ts"),
    import("../../host/node/train/worker-gradients.ts"),
    import("../../host/node/train/run-folder.ts"),
  ]);
  const file = configOption(options);
  const config = parseTrainConfig(await readBytes(file), file);
  const out = resolve(dirname(file), config.out);
  await checkFolder(out, { reads: trainInputPaths(config, file), kind: runKind(RunFolder), force: options.force });
  const inputs = await readTrainInputs(config, file, signal);
  const store = await RunFolder.open(out);
  const progress = new TrainProgress(io, config, options.json === true);
  let result: TrainResult;
  try {
    result = await withProgress(context, "tokenizing", options.json === true, (onTokenize) =>
      train(inputs, {
        host: io.host,
        store,
        signal,
        onTokenize,
        gradients: (task) => workerGradients(task, config.workers, options.backend),
        onStart: (start) => progress.start(start),
        onMetrics: (line) => progress.update(line),
      }),
    );
  } finally {
    progress.end();
  }
  await io.out(options.json === true ? `${JSON.stringify({ ...result, out: store.path })}\n` : report(result, store.path));
}

function report({ step, finished, parameters, loss, validation }: TrainResult, path: string): string {
  const lines = [
    `${finished ? "finished" : "stopped"} after ${number(step)} steps: ${path}/model, ${number(parameters)} weights`,
    ...(loss === null ? [] : [`training loss        ${loss.toFixed(4)}`]),
    ...(validation === null
      ? []
      : [
          `validation           perplexity ${validation.perplexity.toFixed(3)} on ${number(validation.tokens)} tokens`,
          ...(validation.tls === null
            ? []
            : [
                `sparsity             ` +
                  `TLS ${percent(validation.tls)}, CLS 8 ${percent(validation.cls?.["8"] ?? 0)}, ` +
                  `reuse ${percent(validation.reuseRatio ?? 0)}`,
              ]),
        ]),
    ...(finished ? [] : ["run the same command to go on"]),
  ];
  return `${lines.join("\n")}\n`;
}

// Commander would ask subcommands for an option that it requires here.
function configOption({ config }: Options): string {
  if (config === undefined) throw new UsageError("is needed: --config FILE (see examples/train)", { field: "config" });
  return config;
}
