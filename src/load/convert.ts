import { SourceError, UsageError } from "../errors.ts";
import { architectureOf } from "../architecture/flat.ts";
import { planWeights } from "../architecture/plan.ts";
import type { Quantization } from "../architecture/quantization.ts";
import { openDraft, type ConvertDraft, type OpenDraft } from "./convert-draft.ts";
import { repackModel } from "./repack.ts";
import { whileUnchanged } from "./unchanged.ts";
import { openGguf } from "../format/gguf/gguf.ts";
import { isGguf } from "../format/gguf/header.ts";
import { openCheckpoint, readFolderText, type Checkpoint } from "../format/hf/checkpoint.ts";
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
 * Converts a Hugging Face folder or a GGUF file to a packed model, or a packed model of any format to one of the newest, with an EAGLE head
 * where one is given.
 * @param quantization undefined: q8 from a folder or GGUF file, and what a packed file has
 * @param text folder whose tokenizer and chat template a file gets instead of its own
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
    const other = text && (await readFolderText(text));
    const checkpoint = files.single ? await openFile(files) : await openCheckpoint(files);
    if (checkpoint !== undefined)
      return convertCheckpoint({ ...checkpoint, text: other ?? checkpoint.text }, quantization ?? "q8", sink, onProgress, draft);
    const { fileSize, weightBytes, quantization: type } = await repackModel(files, { quantization, draft, text }, sink, onProgress);
    return { fileSize, weightBytes, quantization: type };
  };
  return whileUnchanged(files, () => whileUnchanged(draft?.files ?? files, convert));
}

/** A GGUF file as a checkpoint; undefined for any other file. */
async function openFile(files: ModelFiles): Promise<Checkpoint | undefined> {
  const source = await files.open("");
  if (source === undefined) throw new SourceError("there is no such file", { file: files.name });
  let opened: Checkpoint | undefined;
  try {
    if (await isGguf(source)) opened = await openGguf(source);
    return opened;
  } finally {
    if (opened === undefined) await source.close();
  }
}

async function convertCheckpoint(
  { config, tensors, text }: Checkpoint,
  quantization: Quantization,
  sink: FileSink,
  onProgress?: (done: number, total: number) => void,
  draft?: ConvertDraft,
): Promise<ConvertResult> {
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
