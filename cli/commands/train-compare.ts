import type { Command } from "commander";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { BackendChoice } from "../../train/autodiff/jax.ts";
import type { ComparedResult } from "../../train/compare/report.ts";
import type { TrainResult } from "../../train/run/loop.ts";
import type { Context } from "../io.ts";
import { openModel } from "../model.ts";
import { backendOption, forceOption, jsonOption } from "../options.ts";
import { textKind } from "../output-kinds.ts";
import { checkFolder, checkOutput, writeOutput, type OutputRule } from "../outputs.ts";
import { withProgress } from "../progress.ts";
import { readBytes, readTrainInputs, runKind, trainInputPaths } from "../train-inputs.ts";
import { TrainProgress } from "../train-progress.ts";

interface Options {
  readonly config: string;
  readonly backend: BackendChoice;
  readonly force?: boolean;
  readonly json?: boolean;
}

const PROMPT = "Once upon a time";
const SPEED_TOKENS = 128;
const SPEED_ROUNDS = 5;

/** What is written beside the runs, and what tells each. */
const WRITTEN = {
  markdown: { file: "compare.md", kind: textKind("a comparison's table", (head) => head.includes("| weights | PPL |")) },
  svg: {
    file: "compare.svg",
    kind: textKind(
      "a comparison's picture",
      (head) => head.startsWith("<svg ") && head.includes(">Perplexity (lower is better) over chunk sparsity"),
    ),
  },
  json: { file: "compare.json", kind: textKind("a comparison's numbers", (head) => /^\[\s*\{\s*"name":/.test(head)) },
} as const;

export function registerTrainCompare(train: Command, context: Context): void {
  train
    .command("compare")
    .description("Train models that differ only in router or objectives, and compare perplexity, sparsity and speed in the runtime.")
    .requiredOption("--config <file>", "a training configuration with `runs`; paths in it are relative to it")
    .addOption(backendOption())
    .addOption(forceOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Writes compare.md, compare.svg and compare.json into \`out\`, and each run into a folder of its own. Called again, it goes on.

Examples:
  blockffn train compare --config examples/train/compare.json
  blockffn train compare --config examples/train/ablation.json`,
    )
    .action((options: Options) => compareCommand(context, options));
}

async function compareCommand(context: Context, options: Options): Promise<void> {
  const { io, signal } = context;
  const [
    { parseCompareConfig },
    { comparisonMarkdown, comparisonSvg },
    { corpusOf, train },
    { paceSteps },
    { workerGradients },
    { RunFolder },
  ] = await Promise.all([
    import("../../train/compare/config.ts"),
    import("../../train/compare/report.ts"),
    import("../../train/run/loop.ts"),
    import("../../train/data/steps.ts"),
    import("../../host/node/train/worker-gradients.ts"),
    import("../../host/node/train/run-folder.ts"),
  ]);
  const file = options.config;
  const { out, base, runs } = parseCompareConfig(await readBytes(file), file);
  const folder = resolve(dirname(file), out);
  const quiet = options.json === true;
  const reads = trainInputPaths(base, file);
  const rule = (kind: OutputRule["kind"]): OutputRule => ({ reads, kind, force: options.force });
  for (const written of Object.values(WRITTEN)) await checkOutput(join(folder, written.file), rule(written.kind));
  for (const { folder: part } of runs) await checkFolder(join(folder, part), { reads, kind: runKind(RunFolder), force: options.force });
  const texts = await readTrainInputs(base, file, signal);
  const corpus = await withProgress(context, "tokenizing", quiet, (onProgress) =>
    paceSteps(corpusOf(texts), { signal, onProgress, pause: io.host.pause }),
  );
  const inputs = { ...texts, corpus };
  const results: { name: string; model: string; result: TrainResult }[] = [];
  for (const { name, folder: part, config } of runs) {
    if (!quiet) io.err(`== ${name}\n`);
    const store = await RunFolder.open(join(folder, part));
    const progress = new TrainProgress(io, config, quiet);
    try {
      const result = await train(
        { ...inputs, config },
        {
          host: io.host,
          store,
          signal,
          gradients: (task) => workerGradients(task, config.workers, options.backend),
          onStart: (start) => progress.start(start),
          onMetrics: (line) => progress.update(line),
        },
      );
      if (!result.finished) {
        if (!quiet) io.err(`stopped after ${result.step} steps of ${name}; run the same command to go on\n`);
        return;
      }
      results.push({ name, model: join(store.path, "model"), result });
    } finally {
      progress.end();
    }
  }
  const speeds = await decodeSpeeds(
    context,
    results.map(({ model }) => model),
  );
  const rows = results.map(({ name, result }, i): ComparedResult => ({ name, result, decodeTokensPerSecond: speeds[i] as number }));
  const { batch, schedule } = base;
  const about =
    `${(schedule.steps * batch.rows * batch.length).toLocaleString("en")} tokens each, ` +
    `seed ${base.seed}; validation: ${base.validDocuments} documents; speed: greedy decoding ` +
    `of ${SPEED_TOKENS} tokens, f32, one thread, median of ${SPEED_ROUNDS} interleaved rounds.`;
  const markdown = comparisonMarkdown(rows, about);
  await mkdir(folder, { recursive: true });
  const written = { markdown, svg: comparisonSvg(rows), json: `${JSON.stringify(rows, null, 2)}\n` };
  for (const [form, { file: name, kind }] of Object.entries(WRITTEN)) {
    const bytes = new TextEncoder().encode(written[form as keyof typeof WRITTEN]);
    await writeOutput(join(folder, name), rule(kind), (output) => output.write(bytes));
  }
  await io.out(quiet ? `${JSON.stringify(rows)}\n` : markdown);
}

/** Median decoding speed of each model; the models take turns, so that a busy moment hits all. */
async function decodeSpeeds(context: Context, folders: readonly string[]): Promise<number[]> {
  const speeds: number[][] = folders.map(() => []);
  const models = await Promise.all(folders.map((model) => openModel(context, { model, json: true })));
  try {
    for (let round = 0; round <= SPEED_ROUNDS; round++) {
      for (const [i, model] of models.entries()) {
        const { decodeTokensPerSecond } = await model
          .generate(PROMPT, { maxTokens: Math.min(SPEED_TOKENS, model.config.contextLength - 16), temperature: 0, ignoreEos: true })
          .result();
        // The first round warms up.
        if (round > 0) (speeds[i] as number[]).push(decodeTokensPerSecond);
      }
    }
  } finally {
    for (const model of models) model.dispose();
  }
  return speeds.map((values) => values.sort((a, b) => a - b)[values.length >> 1] as number);
}
