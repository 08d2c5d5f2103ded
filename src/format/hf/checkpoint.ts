import { SourceError, UsageError } from "../../errors.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { folderText, TEXT_FILES, type ModelText } from "../../text/model-text.ts";
import { readRange, readWhole } from "../bytes.ts";
import { foreignFile, MAGIC_BYTES } from "../../foreign.ts";
import { configOf, leavesTieOpen, parseJson } from "./config.ts";
import { withGenerationConfig } from "./generation-config.ts";
import { refuseEagleHead } from "./eagle-layout.ts";
import { checkTensors, expectedHfTensors } from "./tensors.ts";
import { openSafetensors } from "../safetensors/safetensors.ts";
import { openOrClose, openShards, type Needed } from "../safetensors/shards.ts";
import type { ByteSource, ModelFiles } from "../source.ts";
import type { TensorSource } from "../tensors.ts";
import { HEAD, withTiedEmbedding, withTiedName } from "./tied-tensors.ts";
import { openTorch } from "../torch/torch.ts";

/** Largest config.json. */
export const MAX_CONFIG_BYTES = 1 << 20;
/** Largest tokenizer.json, and largest of each other file about text. */
export const MAX_TOKENIZER_BYTES = 64 << 20;

const CONFIG = "config.json";
const GENERATION_CONFIG = "generation_config.json";

/** How weights may be kept, the first that is there is taken. */
const WEIGHTS: readonly {
  readonly file: string;
  readonly open: (source: ByteSource, files: ModelFiles, needed: Needed) => Promise<TensorSource>;
}[] = [
  { file: "model.safetensors", open: (source) => openOrClose(source, openSafetensors) },
  { file: "model.safetensors.index.json", open: (source, files, needed) => openShards(files, source, openSafetensors, needed) },
  { file: "pytorch_model.bin", open: (source) => openOrClose(source, openTorch) },
  { file: "pytorch_model.bin.index.json", open: (source, files, needed) => openShards(files, source, openTorch, needed) },
];

/** The files of weights, in the order that they are looked for. */
export const WEIGHT_FILES: readonly string[] = WEIGHTS.map(({ file }) => file);
/** What else of a folder is read, and the largest that each may be. */
export const FOLDER_FILES: readonly { readonly name: string; readonly limit: number }[] = [
  { name: CONFIG, limit: MAX_CONFIG_BYTES },
  { name: GENERATION_CONFIG, limit: MAX_CONFIG_BYTES },
  ...TEXT_FILES.map((name) => ({ name, limit: MAX_TOKENIZER_BYTES })),
];

/** A shard, or weights as a whole, as Hugging Face names them. */
const WEIGHTS_NAME = /^(pytorch_)?model(-\d+-of-\d+)?\.(safetensors|bin)$/i;
/** Configurations, indexes, tokenizers, rankings and chat templates. */
const SETTINGS_NAME = /\.(json|jinja)$/i;

/** Whether loading a model's folder, or an EAGLE head's, would read a file of that name: whoever writes there gives it another one. */
export function isSourceName(name: string): boolean {
  return WEIGHTS_NAME.test(name) || SETTINGS_NAME.test(name);
}

/** A model in the Hugging Face layout. Whoever opened it closes `tensors`. */
export interface Checkpoint {
  readonly config: ModelConfig;
  readonly tensors: TensorSource;
  readonly text: ModelText;
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
  const generation = await readOptional(files, GENERATION_CONFIG, MAX_CONFIG_BYTES);
  const fields = parseJson(configJson, CONFIG);
  const said = withGenerationConfig(
    configOf(fields, CONFIG),
    fields,
    generation && parseJson(generation, GENERATION_CONFIG),
    GENERATION_CONFIG,
  );
  const text = await readFolderText(files);
  const settle = (has: (name: string) => boolean): ModelConfig =>
    leavesTieOpen(said, fields) && !has(HEAD) ? { ...said, tied: true } : said;
  const stored = await openWeights(files, (has) => {
    const config = settle(has);
    const names = expectedHfTensors(config).map(({ name }) => name);
    return config.tied ? withTiedName(names, has) : names;
  });
  try {
    const config = settle((name) => stored.info(name) !== undefined);
    refuseEagleHead(stored);
    const tensors = config.tied ? withTiedEmbedding(stored) : stored;
    checkTensors(expectedHfTensors(config), tensors, CONFIG);
    return { config, tensors, text };
  } catch (error) {
    await stored.close();
    throw error;
  }
}

/**
 * The weights of a folder, in whichever format; of several files, those with `needed` tensors are opened.
 * @throws SourceError saying which were looked for, and what is there instead; FormatError, LimitError.
 */
export async function openWeights(files: ModelFiles, needed: Needed): Promise<TensorSource> {
  for (const { file, open } of WEIGHTS) {
    const source = await files.open(file);
    if (source !== undefined) return open(source, files, needed);
  }
  throw new SourceError(`there are no weights; looked for ${WEIGHTS.map(({ file }) => file).join(", ")}${await otherWeights(files)}`, {
    file: files.name,
  });
}

/** Endings of files that hold models of other programs. */
const OTHERS = /\.(gguf|ggml|onnx|ckpt|pth?|h5|keras|tflite|msgpack|npz|bin|safetensors)$/i;

/** What else a folder has that may hold weights, for an error message. */
async function otherWeights(files: ModelFiles): Promise<string> {
  const name = (await files.names?.())?.find((file) => OTHERS.test(file));
  const source = name === undefined ? undefined : await files.open(name);
  if (source === undefined) return "";
  try {
    const head = await readRange(source, 0, Math.min(source.size, MAGIC_BYTES), "header");
    return `. ${name} ${foreignFile(head) ?? "is not among these: rename it if it is one of them"}`;
  } finally {
    await source.close();
  }
}

/** Reads the files about text; those that cannot be read say so when they are asked for. */
export async function readFolderText(files: ModelFiles): Promise<ModelText> {
  const read = new Map<string, { readonly bytes: Uint8Array | undefined } | { readonly error: unknown }>();
  for (const name of TEXT_FILES) {
    read.set(
      name,
      await readOptional(files, name, MAX_TOKENIZER_BYTES).then(
        (bytes) => ({ bytes }),
        (error: unknown) => ({ error }),
      ),
    );
  }
  return folderText((name) => {
    const file = read.get(name)!;
    if ("error" in file) throw file.error;
    return file.bytes;
  });
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
