import { ConfigError, SourceError, UsageError } from "../errors.ts";
import { MAX_CONFIG_BYTES, openWeights, readOptional } from "../format/hf/checkpoint.ts";
import { checkTensors, DRAFT_LAYERS, expectedTensors } from "../format/hf/tensors.ts";
import { CheckpointWeights } from "../format/hf/weights.ts";
import { packWeights } from "../format/packed/pack.ts";
import { checkEagleLayout } from "../format/hf/eagle-layout.ts";
import type { ModelFiles } from "../format/source.ts";
import type { TensorSource } from "../format/tensors.ts";
import type { Host } from "../host.ts";
import type { ModelConfig } from "../architecture/config.ts";
import { EagleHead } from "../engine/eagle.ts";
import { MAX_RANKING_BYTES, parseEagleConfig, parseRanking } from "../format/hf/eagle-config.ts";
import { architectureOf } from "../architecture/flat.ts";
import { planEagle } from "../architecture/plan.ts";
import type { ModelInstance } from "../engine/instance.ts";
import { whileUnchanged } from "./unchanged.ts";

const CONFIG = "config.json";
const RANKING = "token_frequency_rank.json";

export interface EagleOptions {
  /** Drafts only the so many most frequent tokens (FR-Spec); the folder must have a token_frequency_rank.json. Default: all. */
  readonly draftVocab?: number;
}

/** An EAGLE head in the official naming. Whoever opened it closes `tensors`. */
export interface EagleCheckpoint {
  /** The head as a model; `vocabSize` is that of the draft vocabulary. */
  readonly config: ModelConfig;
  readonly draftTokens: Uint32Array | undefined;
  readonly tensors: TensorSource;
}

/**
 * Opens an EAGLE head's folder for a base model: config.json, weights and, for a reduced draft vocabulary, token_frequency_rank.json.
 * @throws SourceError for missing files; ConfigError, FormatError, LimitError for heads that are damaged or belong to another model.
 */
export async function openEagle(files: ModelFiles, base: ModelConfig, options: EagleOptions): Promise<EagleCheckpoint> {
  if (files.single) throw new UsageError("is one file; an EAGLE head is a folder with config.json and weights", { file: files.name });
  const json = await readOptional(files, CONFIG, MAX_CONFIG_BYTES);
  if (json === undefined) throw new SourceError(`there is no ${CONFIG} in ${files.name}; an EAGLE head needs one`, { file: CONFIG });
  const full = parseEagleConfig(json, CONFIG, base);
  const draftTokens = await readDraftTokens(files, base.vocabSize, options.draftVocab);
  const config: ModelConfig = { ...full, vocabSize: draftTokens?.length ?? base.vocabSize };
  // The names and shapes do not depend on the weight type.
  const expected = expectedTensors(architectureOf(config), planEagle(config, "f32"), DRAFT_LAYERS);
  const tensors = await openWeights(files, () => expected.map(({ name }) => name));
  try {
    checkEagleLayout(tensors);
    checkTensors(expected, tensors, CONFIG);
    return { config, draftTokens, tensors };
  } catch (error) {
    await tensors.close();
    throw error;
  }
}

/** Whether a head's folder ranks the tokens by frequency, so that its draft vocabulary may be reduced. */
export async function hasRanking(files: ModelFiles): Promise<boolean> {
  const source = await files.open(RANKING);
  await source?.close();
  return source !== undefined;
}

/**
 * Loads an EAGLE head for a loaded model, into the model's memory and quantised as the model is.
 * @throws what openEagle throws.
 */
export async function loadEagle(host: Host, location: string, base: ModelInstance, options: EagleOptions = {}): Promise<EagleHead> {
  base.assertAlive();
  const files = await host.open(location);
  return whileUnchanged(
    files,
    () => loadFolder(files, base, options),
    (head) => head.dispose(),
  );
}

async function loadFolder(files: ModelFiles, base: ModelInstance, options: EagleOptions): Promise<EagleHead> {
  const { config, draftTokens, tensors } = await openEagle(files, base.config, options);
  try {
    const plan = planEagle(config, base.quantization);
    const head = new EagleHead(files.name, base, config, plan, draftTokens);
    try {
      await packWeights(plan, new CheckpointWeights(architectureOf(config), tensors, DRAFT_LAYERS), (offset, bytes) =>
        base.engine.bytes(head.addresses.weights + offset, bytes.length).set(bytes),
      );
    } catch (error) {
      head.dispose();
      throw error;
    }
    return head;
  } finally {
    await tensors.close();
  }
}

async function readDraftTokens(files: ModelFiles, vocabSize: number, count: number | undefined): Promise<Uint32Array | undefined> {
  if (count === undefined) return undefined;
  if (!Number.isInteger(count) || count < 1 || count > vocabSize) {
    throw new UsageError(`must be a whole number from 1 to the vocabulary's ${vocabSize}`, { field: "draftVocab", limit: vocabSize });
  }
  const json = await readOptional(files, RANKING, MAX_RANKING_BYTES);
  if (json === undefined)
    throw new ConfigError(`is not in ${files.name}: a reduced draft vocabulary needs it; leave draftVocab out to draft all tokens`, {
      file: RANKING,
    });
  return parseRanking(json, RANKING, vocabSize, count);
}
