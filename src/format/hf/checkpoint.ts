import { SourceError, UsageError } from "../../errors.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { readChatTemplate, type ChatTemplate } from "../../text/chat-template.ts";
import { readWhole } from "../bytes.ts";
import { parseHfConfig, tiedByTensors } from "./config.ts";
import { checkTensors, expectedHfTensors } from "./tensors.ts";
import { openSafetensors } from "../safetensors/safetensors.ts";
import { openOrClose, openShards } from "../safetensors/shards.ts";
import type { ByteSource, ModelFiles } from "../source.ts";
import type { TensorSource } from "../tensors.ts";
import { withTiedEmbedding } from "./tied-tensors.ts";
import { openTorch } from "../torch/torch.ts";

/** Largest config.json. */
export const MAX_CONFIG_BYTES = 1 << 20;
/** Largest tokenizer.json. */
export const MAX_TOKENIZER_BYTES = 64 << 20;

const CONFIG = "config.json";
const TOKENIZER = "tokenizer.json";
const TOKENIZER_CONFIG = "tokenizer_config.json";
const CHAT_TEMPLATE = "chat_template.jinja";

/** How weights may be kept, the first that is there is taken. */
const WEIGHTS: readonly { readonly file: string; readonly open: (source: ByteSource, files: ModelFiles) => Promise<TensorSource> }[] = [
  { file: "model.safetensors", open: (source) => openOrClose(source, openSafetensors) },
  { file: "model.safetensors.index.json", open: (source, files) => openShards(files, source, openSafetensors) },
  { file: "pytorch_model.bin", open: (source) => openOrClose(source, openTorch) },
  { file: "pytorch_model.bin.index.json", open: (source, files) => openShards(files, source, openTorch) },
];

/** A model in the Hugging Face layout. Whoever opened it closes `tensors`. */
export interface Checkpoint {
  readonly config: ModelConfig;
  readonly tensors: TensorSource;
  /** Raw bytes of tokenizer.json; undefined when there is none. */
  readonly tokenizerJson: Uint8Array | undefined;
  /** From tokenizer_config.json or chat_template.jinja; undefined when they have none. */
  readonly chatTemplate: ChatTemplate | undefined;
}

/**
 * Opens a folder in the Hugging Face layout and checks that its weights are those that its config.json describes.
 * @throws SourceError for missing files (saying which were looked for); ConfigError, FormatError, LimitError for bad ones.
 */
export async function openCheckpoint(files: ModelFiles): Promise<Checkpoint> {
  if (files.single) throw new UsageError("is one file; a checkpoint is a folder with config.json and weights", { file: files.name });
  const configJson = await readOptional(files, CONFIG, MAX_CONFIG_BYTES);
  if (configJson === undefined) {
    throw new SourceError(`there is no ${CONFIG} in ${files.name}; a model folder in the Hugging Face layout needs one`, { file: CONFIG });
  }
  const tokenizerJson = await readOptional(files, TOKENIZER, MAX_TOKENIZER_BYTES);
  const chatTemplate = readChatTemplate(await readOptional(files, TOKENIZER_CONFIG, MAX_CONFIG_BYTES), await readOptional(files, CHAT_TEMPLATE, MAX_CONFIG_BYTES));
  const said = parseHfConfig(configJson, CONFIG);
  const stored = await openWeights(files);
  try {
    const config = tiedByTensors(said, configJson, CONFIG, stored);
    const tensors = config.tied ? withTiedEmbedding(stored) : stored;
    checkTensors(expectedHfTensors(config), tensors, CONFIG);
    return { config, tensors, tokenizerJson, chatTemplate };
  } catch (error) {
    await stored.close();
    throw error;
  }
}

/** The weights of a folder, in whichever format. @throws SourceError saying which were looked for; FormatError, LimitError. */
export async function openWeights(files: ModelFiles): Promise<TensorSource> {
  for (const { file, open } of WEIGHTS) {
    const source = await files.open(file);
    if (source !== undefined) return open(source, files);
  }
  throw new SourceError(`there are no weights; looked for ${WEIGHTS.map(({ file }) => file).join(", ")}`, { file: files.name });
}

/** A file as a whole; undefined when it is not there. @throws LimitError when it has more than `limit` bytes. */
export async function readOptional(files: ModelFiles, name: string, limit: number): Promise<Uint8Array | undefined> {
  const source = await files.open(name);
  if (source === undefined) return undefined;
  try {
    return await readWhole(source, limit);
  } finally {
    await source.close();
  }
}
