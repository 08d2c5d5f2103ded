import { ConfigError, UsageError } from "../../src/errors.ts";
import { openCheckpoint } from "../../src/format/hf/checkpoint.ts";
import { readFinite } from "../../src/format/hf/weights.ts";
import type { Host } from "../../src/host.ts";
import { checkOptions, type OptionNames } from "../../src/options.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { loadModel } from "../../src/load/load.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import type { BackendChoice } from "../autodiff/jax.ts";
import { corpusSteps, type NamedText } from "../data/corpus.ts";
import { RowSource } from "../data/rows.ts";
import { paceSteps } from "../data/steps.ts";
import { decodeCheckpoint, encodeCheckpoint, fingerprint } from "../run/checkpoint.ts";
import { NO_FACTORS } from "../run/factors.ts";
import type { RunStore } from "../run/loop.ts";
import { weightParts, type OutputParts } from "../run/model-folder.ts";
import { draftConfigJson, draftTable, type DraftHeadConfig } from "./head.ts";
import { HiddenStates } from "./states.ts";
import { DraftTrainer, frequencyRanking, type DraftOptions, type DraftReport, type FrozenWeights } from "./trainer.ts";

export interface DraftInputs {
  /** The frozen model: a Hugging Face folder. */
  readonly model: string;
  readonly texts: readonly NamedText[];
  readonly options: DraftOptions;
  /** Width of the head's network; default twice the hidden size. */
  readonly ffnSize?: number;
  readonly checkpointEvery: number;
}

/** Names of a head's files. */
export const HEAD_FILES = ["config.json", "token_frequency_rank.json", "model.safetensors"] as const;

/** Where a head is kept; each write puts a whole file into place or leaves the old one. */
export interface DraftStore extends Pick<RunStore, "lock" | "readCheckpoint" | "writeCheckpoint"> {
  /** The head's folder. */
  writeHead(files: readonly OutputParts[]): Promise<void>;
}

export interface DraftSettings {
  readonly host: Host;
  readonly store: DraftStore;
  readonly backend?: BackendChoice;
  /** Ends the run after the current step, with a checkpoint; before the first one, with its reason thrown. */
  readonly signal?: AbortSignal;
  readonly onTokenize?: (done: number, total: number) => void;
  readonly onStep?: (report: DraftReport & { readonly seconds: number }) => void;
}

const INPUTS = { model: true, texts: true, options: true, ffnSize: true, checkpointEvery: true } satisfies OptionNames<DraftInputs>;
const OPTIONS = {
  steps: true,
  rows: true,
  length: true,
  learningRate: true,
  seed: true,
  objective: true,
} satisfies OptionNames<DraftOptions>;
const SETTINGS = {
  host: true,
  store: true,
  backend: true,
  signal: true,
  onTokenize: true,
  onStep: true,
} satisfies OptionNames<DraftSettings>;

export interface DraftResult {
  readonly step: number;
  readonly finished: boolean;
  readonly parameters: number;
  readonly last: DraftReport | null;
}

/**
 * Trains an EAGLE head for a model, or goes on from the store's checkpoint. The head's folder holds config.json, model.safetensors and
 * token_frequency_rank.json, as `loadEagle` takes them.
 * @throws ConfigError for models that take no such head; errors of `train` otherwise.
 */
export async function trainDraft(inputs: DraftInputs, settings: DraftSettings): Promise<DraftResult> {
  checkOptions(inputs, INPUTS, "trainDraft's inputs");
  checkOptions(inputs.options, OPTIONS, "trainDraft's options");
  checkOptions(settings, SETTINGS, "trainDraft's settings");
  const unlock = await settings.store.lock?.();
  try {
    return await trainLocked(inputs, settings);
  } finally {
    await unlock?.();
  }
}

async function trainLocked(inputs: DraftInputs, settings: DraftSettings): Promise<DraftResult> {
  const { host, store } = settings;
  const { options } = inputs;
  const { base, frozen } = await readFrozen(host, inputs.model);
  const config = headConfig(base, inputs.ffnSize, inputs.model);
  const loaded = await loadModel(host, inputs.model);
  try {
    if (loaded.tokenizerJson === undefined)
      throw new UsageError("has no tokenizer.json, so no text can be read for it", { file: inputs.model });
    if (options.length > base.contextLength)
      throw new UsageError(`is ${options.length}; the model's context is ${base.contextLength}`, {
        field: "length",
        limit: base.contextLength,
      });
    const corpus = await paceSteps(corpusSteps(inputs.texts, loadTokenizer(loaded.tokenizerJson, "tokenizer.json"), base.eosTokenIds[0]), {
      signal: settings.signal,
      onProgress: settings.onTokenize,
      pause: host.pause,
    });
    const identity = {
      config: { ...options, ffnSize: config.ffnSize, model: fingerprint(new Int32Array(frozen.embedding.buffer)) },
      corpus: fingerprint(corpus.tokens),
    };
    const saved = await store.readCheckpoint();
    const state =
      saved === undefined ? undefined : await decodeCheckpoint(saved, identity, draftTable(config).length).finally(() => saved.close());
    const states = new HiddenStates(loaded, options.length);
    const trainer = await DraftTrainer.create(
      config,
      options,
      new RowSource(corpus, options.length, options.rows, options.seed),
      states,
      frozen,
      state,
      settings.backend,
    );
    const ranking = JSON.stringify(frequencyRanking(corpus.tokens, base.vocabSize));
    const [configFile, rankingFile, weightsFile] = HEAD_FILES;
    const save = async (): Promise<void> => {
      await store.writeHead([
        { name: configFile, parts: [new TextEncoder().encode(`${JSON.stringify(draftConfigJson(config), null, 2)}\n`)] },
        { name: rankingFile, parts: [new TextEncoder().encode(`${ranking}\n`)] },
        { name: weightsFile, parts: weightParts(trainer.table, trainer.weights) },
      ]);
      // Last, as in `train`: what was not written is written again after it.
      await store.writeCheckpoint(encodeCheckpoint(identity, { ...trainer.state, factors: NO_FACTORS }));
    };
    let last: DraftReport | null = null;
    while (!trainer.done && settings.signal?.aborted !== true) {
      const start = host.now();
      last = await trainer.next();
      settings.onStep?.({ ...last, seconds: (host.now() - start) / 1000 });
      if (!trainer.done && trainer.state.step % inputs.checkpointEvery === 0) await save();
      await new Promise((resolve) => setTimeout(resolve));
    }
    await save();
    return { step: trainer.state.step, finished: trainer.done, parameters: trainer.table.length, last };
  } finally {
    loaded.dispose();
  }
}

async function readFrozen(host: Host, model: string): Promise<{ base: ModelConfig; frozen: FrozenWeights }> {
  const files = await host.open(model);
  if (files.single)
    throw new UsageError("is one file; a draft head is trained for a Hugging Face folder (its weights are not quantised)", { file: model });
  const { config, tensors } = await openCheckpoint(files);
  try {
    const read = (name: string): Promise<Float32Array> => readFinite(tensors, name, 0, config.vocabSize * config.hiddenSize);
    const embedding = await read("model.embed_tokens.weight");
    return { base: config, frozen: { embedding, head: config.tied ? embedding : await read("lm_head.weight") } };
  } finally {
    await tensors.close();
  }
}

/** The head attends as its base model does where that is grouped-query attention, else with heads of 64. */
function headConfig(base: ModelConfig, ffnSize: number | undefined, model: string): DraftHeadConfig {
  const size = ffnSize ?? 2 * base.hiddenSize;
  if (base.attention.kind === "gqa") {
    const { heads, kvHeads, headDim } = base.attention;
    return { base, heads, kvHeads, headDim, ffnSize: size };
  }
  const headDim = 64;
  if (base.hiddenSize % headDim !== 0)
    throw new ConfigError(`${base.hiddenSize} is no multiple of ${headDim}`, { file: model, field: "hidden_size" });
  return { base, heads: base.hiddenSize / headDim, kvHeads: base.hiddenSize / headDim, headDim, ffnSize: size };
}
