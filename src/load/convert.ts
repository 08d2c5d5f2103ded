import { UsageError } from "../errors.ts";
import { architectureOf } from "../architecture/flat.ts";
import { planWeights } from "../architecture/plan.ts";
import type { Quantization } from "../architecture/quantization.ts";
import { openDraft, type ConvertDraft, type OpenDraft } from "./convert-draft.ts";
import { repackModel } from "./repack.ts";
import { whileUnchanged } from "./unchanged.ts";
import { openCheckpoint } from "../format/hf/checkpoint.ts";
import { MODEL_LAYERS } from "../format/hf/tensors.ts";
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

export type { ConvertDraft } from "./convert-draft.ts";

const DRAFT_NAMES = { files: true, draftVocab: true } satisfies OptionNames<ConvertDraft>;

/**
 * Converts a Hugging Face folder to a packed model, or a packed model of any format to one of the newest, with an EAGLE head where one is
 * given.
 * @param quantization undefined: q8 from a folder, and what a packed file has
 * @param text folder whose tokenizer and chat template a packed file gets instead of its own
 * @throws BlockFFNError subclasses for a source that cannot be converted; the sink may then have part of the file.
 */
export async function convertModel(
  files: ModelFiles,
  quantization: Quantization | undefined,
  sink: FileSink,
  onProgress?: (done: number, total: number) => void,
  draft?: ConvertDraft,
  text?: ModelFiles,
): Promise<ConvertResult> {
  if (draft !== undefined) checkOptions(draft, DRAFT_NAMES, "convertModel's draft");
  if (text !== undefined && !files.single)
    throw new UsageError("a folder has a tokenizer of its own; put the other files there", { field: "tokenizer" });
  const convert = async (): Promise<ConvertResult> => {
    if (!files.single) return convertFolder(files, quantization ?? "q8", sink, onProgress, draft);
    const { fileSize, weightBytes, quantization: type } = await repackModel(files, { quantization, draft, text }, sink, onProgress);
    return { fileSize, weightBytes, quantization: type };
  };
  return whileUnchanged(files, () => whileUnchanged(draft?.files ?? files, convert));
}

async function convertFolder(
  files: ModelFiles,
  quantization: Quantization,
  sink: FileSink,
  onProgress?: (done: number, total: number) => void,
  draft?: ConvertDraft,
): Promise<ConvertResult> {
  const { config, tensors, text } = await openCheckpoint(files);
  let head: OpenDraft | undefined;
  try {
    const plan = planWeights(config, quantization);
    head = draft && (await openDraft(draft, config, plan));
    const { tokenizerJson, chatTemplate, generationDefaults } = text;
    const writer = new PackedWriter(sink, { config, plan, tokenizerJson, chatTemplate, generationDefaults, draft: head?.layout });
    await writer.start();
    const put = (offset: number, bytes: Uint8Array): Promise<void> => writer.put(offset, bytes);
    await packWeights(plan, new CheckpointWeights(architectureOf(config), tensors, MODEL_LAYERS), put, onProgress);
    await head?.write(put);
    await writer.finish();
    return { fileSize: writer.fileSize, weightBytes: plan.bytes, quantization };
  } finally {
    await head?.close();
    await tensors.close();
  }
}
