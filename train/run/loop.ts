import type { Host } from "../../src/host.ts";
import type { ByteSource } from "../../src/format/source.ts";
import { checkOptions, type OptionNames } from "../../src/options.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import type { TrainConfig } from "../config/schema.ts";
import { hfModel, type HfModel } from "../config/hf.ts";
import { corpusSteps, documentsOf, type Corpus, type NamedText } from "../data/corpus.ts";
import { RowSource } from "../data/rows.ts";
import { paceSteps, runSteps, type Steps } from "../data/steps.ts";
import { ParameterTable } from "../model/parameters.ts";
import { curvesSvg } from "./curves.ts";
import { decodeCheckpoint, encodeCheckpoint, fingerprint } from "./checkpoint.ts";
import { objectiveOptions } from "./factors.ts";
import type { GradientSource, ModelTask } from "./gradient-source.ts";
import { modelFolder, type OutputParts } from "./model-folder.ts";
import type { MetricsLine, ValidationLine } from "./metrics.ts";
import { Trainer, type StepReport } from "./trainer.ts";
import { validate } from "./validate.ts";

/** Where a run keeps its files. Each write puts a whole file into place or leaves the old one. */
export interface RunStore {
  /** Keeps other processes from training there at the same time; gives what takes that back. @throws TrainingError when one does. */
  lock?(): Promise<() => Promise<void>>;
  /** The last checkpoint; undefined when there is none. */
  readCheckpoint(): Promise<ByteSource | undefined>;
  writeCheckpoint(parts: readonly Uint8Array[]): Promise<void>;
  /** The model in the official layout, `model/`. */
  writeModel(files: readonly OutputParts[]): Promise<void>;
  /** Lines of metrics.jsonl up to a step; later ones are removed from the file. */
  rewindMetrics(step: number): Promise<MetricsLine[]>;
  appendMetrics(line: MetricsLine): Promise<void>;
  writeCurves(svg: string): Promise<void>;
}

export interface TrainInputs {
  readonly config: TrainConfig;
  /** What errors call the configuration. */
  readonly configName: string;
  readonly texts: readonly NamedText[];
  readonly validText: string | undefined;
  readonly tokenizerJson: Uint8Array;
  /** The texts' tokens, where they are known already (`readCorpus`). */
  readonly corpus?: Corpus;
}

export interface TrainSettings {
  readonly host: Host;
  readonly store: RunStore;
  readonly gradients: (task: ModelTask) => Promise<GradientSource>;
  /** Ends the run after the current step, with a checkpoint; before the first one, with its reason thrown. */
  readonly signal?: AbortSignal;
  readonly onTokenize?: (done: number, total: number) => void;
  /** Called once, before the first step. `resumed`: steps that an earlier run did. */
  readonly onStart?: (start: {
    readonly resumed: number;
    readonly parameters: number;
    readonly corpusTokens: number;
    readonly rowsPerEpoch: number;
  }) => void;
  readonly onMetrics?: (line: MetricsLine) => void;
}

const INPUTS = {
  config: true,
  configName: true,
  texts: true,
  validText: true,
  tokenizerJson: true,
  corpus: true,
} satisfies OptionNames<TrainInputs>;
const SETTINGS = {
  host: true,
  store: true,
  gradients: true,
  signal: true,
  onTokenize: true,
  onStart: true,
  onMetrics: true,
} satisfies OptionNames<TrainSettings>;

export interface TrainResult {
  readonly step: number;
  readonly finished: boolean;
  readonly parameters: number;
  /** Loss of the last step, and the last validation. */
  readonly loss: number | null;
  readonly validation: ValidationLine["validation"] | null;
}

/**
 * Trains a model, or goes on where the last checkpoint of the store was: the steps after it are computed to the same bits.
 * A checkpoint, the model's folder and the curves are written every `checkpointEvery` steps and at the end.
 * @throws ConfigError, FormatError for settings and texts that cannot be trained on; TrainingError when the loss is not finite or the
 *   checkpoint is another run's; SourceError when a file cannot be written. The last checkpoint is then as it was.
 */
export async function train(inputs: TrainInputs, settings: TrainSettings): Promise<TrainResult> {
  checkOptions(inputs, INPUTS, "train's inputs");
  checkOptions(settings, SETTINGS, "train's settings");
  const unlock = await settings.store.lock?.();
  try {
    return await trainLocked(inputs, settings);
  } finally {
    await unlock?.();
  }
}

async function trainLocked(inputs: TrainInputs, settings: TrainSettings): Promise<TrainResult> {
  const { config } = inputs;
  const { store } = settings;
  const prepared = await prepare(inputs, settings);
  const identity = { config, corpus: prepared.corpus };
  const { length: parameters } = ParameterTable.of(prepared.model.config);
  const saved = await store.readCheckpoint();
  let state;
  try {
    state = saved === undefined ? undefined : await decodeCheckpoint(saved, identity, parameters);
  } finally {
    await saved?.close();
  }
  const lines = await store.rewindMetrics(state?.step ?? 0);
  const rowsPerPass = config.batch.rowsPerPass ?? config.batch.rows;
  const source = await settings.gradients({
    config: prepared.model.config,
    objectives: objectiveOptions(config),
    shape: [rowsPerPass, config.batch.length],
  });
  try {
    const trainer = new Trainer(config, prepared.model.config, prepared.rows, source, state);
    settings.onStart?.({
      resumed: trainer.step,
      parameters,
      corpusTokens: prepared.corpusTokens,
      rowsPerEpoch: prepared.rows.rowsPerEpoch,
    });
    await run(trainer, inputs, settings, prepared, identity, lines);
    const last = [...lines].reverse().find((line): line is StepReport & { seconds: number } => "loss" in line);
    const valid = [...lines].reverse().find((line): line is ValidationLine => "validation" in line);
    return { step: trainer.step, finished: trainer.done, parameters, loss: last?.loss ?? null, validation: valid?.validation ?? null };
  } finally {
    await source.dispose();
  }
}

interface Prepared {
  readonly model: HfModel;
  readonly rows: RowSource;
  readonly corpus: string;
  readonly corpusTokens: number;
}

/** Tokens of the texts that a configuration names. @throws as `train` for texts and tokenizer. */
export function readCorpus(inputs: TrainInputs, onTokenize?: TrainSettings["onTokenize"]): Corpus {
  return runSteps(corpusOf(inputs), onTokenize);
}

/** The same in steps. */
export function corpusOf({ config, texts, tokenizerJson }: TrainInputs): Steps<Corpus> {
  const tokenizer = loadTokenizer(tokenizerJson, config.data.tokenizer);
  return corpusSteps(texts, tokenizer, eosOf(tokenizer));
}

function eosOf(tokenizer: Tokenizer): number | undefined {
  return tokenizer.tokenToId("</s>") ?? tokenizer.tokenToId("<|endoftext|>") ?? tokenizer.tokenToId("<|im_end|>");
}

async function prepare(inputs: TrainInputs, { host, signal, onTokenize }: TrainSettings): Promise<Prepared> {
  const { config, configName, validText, tokenizerJson } = inputs;
  const tokenizer = loadTokenizer(tokenizerJson, config.data.tokenizer);
  const model = hfModel(config, { size: tokenizer.vocabSize, bos: tokenizer.tokenToId("<s>"), eos: eosOf(tokenizer) }, configName);
  // Told now, not after hours at the first validation.
  if (validText !== undefined) documentsOf({ name: config.data.valid ?? "the validation text", text: validText });
  const corpus = inputs.corpus ?? (await paceSteps(corpusOf(inputs), { signal, onProgress: onTokenize, pause: host.pause }));
  const rows = new RowSource(corpus, config.batch.length, config.batch.rows, config.seed);
  return { model, rows, corpus: fingerprint(corpus.tokens), corpusTokens: corpus.tokens.length };
}

async function run(
  trainer: Trainer,
  inputs: TrainInputs,
  settings: TrainSettings,
  prepared: Prepared,
  identity: Parameters<typeof encodeCheckpoint>[0],
  lines: MetricsLine[],
): Promise<void> {
  const { config, validText } = inputs;
  const { store, host, signal } = settings;
  const folder = (): OutputParts[] => modelFolder(trainer.table, trainer.state.weights, prepared.model.json, inputs.tokenizerJson);
  const record = async (line: MetricsLine): Promise<void> => {
    lines.push(line);
    await store.appendMetrics(line);
    settings.onMetrics?.(line);
  };
  let saved = trainer.step;
  const save = async (): Promise<void> => {
    // The checkpoint last: a run that is killed in between goes on from the one before and writes all of them again.
    await store.writeModel(folder());
    await store.writeCurves(curvesSvg(lines));
    await store.writeCheckpoint(encodeCheckpoint(identity, trainer.state));
    saved = trainer.step;
  };
  while (!trainer.done && signal?.aborted !== true) {
    const start = host.now();
    const report = await trainer.next();
    await record({ ...report, seconds: (host.now() - start) / 1000 });
    const due = (every: number | undefined): boolean => every !== undefined && trainer.step % every === 0;
    if (validText !== undefined && (trainer.done || due(config.validateEvery))) {
      const result = await validate(host, folder(), {
        text: validText,
        documents: config.validDocuments,
        context: Math.min(256, config.model.context),
      });
      const { tokens, nll, perplexity, tls, cls, reuseRatio } = result;
      await record({ step: trainer.step, validation: { tokens, nll, perplexity, tls, cls, reuseRatio } });
    }
    if (trainer.done || due(config.checkpointEvery)) await save();
    // Lets interrupts in: a pass computes without a pause.
    await new Promise((resolve) => setTimeout(resolve));
  }
  if (saved !== trainer.step) await save();
}
