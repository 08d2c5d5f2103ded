import { FormatError } from "../errors.ts";
import { architectureOf } from "../architecture/flat.ts";
import { planWeights } from "../architecture/plan.ts";
import type { Quantization } from "../architecture/quantization.ts";
import { hasRanking, openEagle, type EagleCheckpoint } from "./eagle.ts";
import { whileUnchanged } from "./unchanged.ts";
import type { ModelConfig } from "../architecture/config.ts";
import { openCheckpoint } from "../format/hf/checkpoint.ts";
import { draftConfig, layoutDraft } from "../architecture/draft-head.ts";
import { DRAFT_LAYERS, MODEL_LAYERS } from "../format/hf/tensors.ts";
import { packWeights } from "../format/packed/pack.ts";
import { PackedWriter, type FileSink } from "../format/packed/write.ts";
import type { ModelFiles } from "../format/source.ts";
import { CheckpointWeights } from "../format/hf/weights.ts";
import { checkOptions, type OptionNames } from "../options.ts";

export type { FileSink } from "../format/packed/write.ts";

export interface ConvertResult {
  readonly fileSize: number;
  readonly weightBytes: number;
  readonly quantization: Quantization;
}

/** An EAGLE head to put into the packed model. */
export interface ConvertDraft {
  /** Folder of the head: config.json, weights, and token_frequency_rank.json. */
  readonly files: ModelFiles;
  /** Size of the draft vocabulary (FR-Spec), 0 for all tokens; default: a quarter of the vocabulary, or all where the folder has no ranking. */
  readonly draftVocab?: number;
}

const DRAFT_NAMES = { files: true, draftVocab: true } satisfies OptionNames<ConvertDraft>;

/** Share of the vocabulary that is drafted: more tokens take more time than their drafts are worth (bench/RESULTS.md). */
const DRAFT_SHARE = 1 / 4;

/**
 * Converts a Hugging Face folder to a packed model, with an EAGLE head where one is given.
 * @throws BlockFFNError subclasses for a source that cannot be converted; the sink may then have part of the file.
 */
export async function convertModel(
  files: ModelFiles, quantization: Quantization, sink: FileSink, onProgress?: (done: number, total: number) => void, draft?: ConvertDraft,
): Promise<ConvertResult> {
  if (draft !== undefined) checkOptions(draft, DRAFT_NAMES, "convertModel's draft");
  if (files.single) {
    throw new FormatError("convert takes a model folder (config.json, weights, tokenizer.json)", { file: files.name });
  }
  return whileUnchanged(files, () => whileUnchanged(draft?.files ?? files, () => convertFolder(files, quantization, sink, onProgress, draft)));
}

async function convertFolder(
  files: ModelFiles, quantization: Quantization, sink: FileSink, onProgress?: (done: number, total: number) => void, draft?: ConvertDraft,
): Promise<ConvertResult> {
  const { config, tensors, text } = await openCheckpoint(files);
  let eagle: EagleCheckpoint | undefined;
  try {
    eagle = draft === undefined ? undefined : await openDraft(draft, config);
    const plan = planWeights(config, quantization);
    const layout = eagle === undefined ? undefined : layoutDraft(draftConfig(eagle.config, eagle.draftTokens?.length ?? 0), plan, config);
    const writer = new PackedWriter(sink, { config, plan, tokenizerJson: text.tokenizerJson, chatTemplate: text.chatTemplate, draft: layout });
    await writer.start();
    const put = (offset: number, bytes: Uint8Array): Promise<void> => writer.put(offset, bytes);
    await packWeights(plan, new CheckpointWeights(architectureOf(config), tensors, MODEL_LAYERS), put, onProgress);
    if (eagle !== undefined && layout !== undefined) {
      const weights = new CheckpointWeights(architectureOf(eagle.config), eagle.tensors, DRAFT_LAYERS);
      await packWeights(layout.plan, weights, (offset, bytes) => put(layout.weightsAt + offset, bytes));
      if (layout.tokensAt !== undefined) await put(layout.tokensAt, littleEndian(eagle.draftTokens as Uint32Array));
    }
    await writer.finish();
    return { fileSize: writer.fileSize, weightBytes: plan.bytes, quantization };
  } finally {
    await eagle?.tensors.close();
    await tensors.close();
  }
}

async function openDraft({ files, draftVocab }: ConvertDraft, base: ModelConfig): Promise<EagleCheckpoint> {
  const count = draftVocab ?? (await hasRanking(files) ? Math.ceil(base.vocabSize * DRAFT_SHARE) : 0);
  return openEagle(files, base, count === 0 ? {} : { draftVocab: count });
}

function littleEndian(values: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint32(4 * i, value, true));
  return bytes;
}
