import { FormatError } from "../errors.ts";
import { planWeights } from "../model/plan.ts";
import type { Quantization } from "../model/types.ts";
import { openCheckpoint } from "./checkpoint.ts";
import { packWeights } from "./pack.ts";
import { encodePacked } from "./packed.ts";
import type { ModelFiles } from "./source.ts";
import { CheckpointWeights } from "./weights.ts";

/** Takes the bytes of a file from its start to its end. */
export type FileSink = (bytes: Uint8Array) => void | Promise<void>;

export interface ConvertResult {
  readonly fileSize: number;
  readonly weightBytes: number;
  readonly quantization: Quantization;
}

/**
 * Converts a Hugging Face folder to a packed model.
 * @throws BlockFFNError subclasses for a source that cannot be converted; the sink may then have part of the file.
 */
export async function convertModel(
  files: ModelFiles, quantization: Quantization, sink: FileSink, onProgress?: (done: number, total: number) => void,
): Promise<ConvertResult> {
  if (files.single) {
    throw new FormatError("convert takes a model folder (config.json, weights, tokenizer.json)", { file: files.name });
  }
  const { config, tensors, tokenizerJson, chatTemplate } = await openCheckpoint(files);
  try {
    const plan = planWeights(config, quantization);
    const weights = new CheckpointWeights(config, tensors);
    const { head, fileSize } = encodePacked(config, plan, tokenizerJson, chatTemplate);
    await sink(head);
    let at = 0;
    await packWeights(plan, weights, async (offset, bytes) => {
      if (offset > at) await sink(new Uint8Array(offset - at));
      await sink(bytes);
      at = offset + bytes.length;
    }, onProgress);
    return { fileSize, weightBytes: plan.bytes, quantization };
  } finally {
    await tensors.close();
  }
}
