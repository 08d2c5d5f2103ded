import { BlockFFNError, ConfigError } from "../errors.ts";
import { openGguf } from "../format/gguf/gguf.ts";
import { isGguf } from "../format/gguf/header.ts";
import { openCheckpoint, type Checkpoint } from "../format/hf/checkpoint.ts";
import { defaultQuantization } from "./default-type.ts";
import { packWeights } from "../format/packed/pack.ts";
import type { ModelFiles } from "../format/source.ts";
import { MODEL_LAYERS } from "../format/hf/tensors.ts";
import { CheckpointWeights } from "../format/hf/weights.ts";
import type { Host, Tier } from "../host.ts";
import { Engine } from "../engine/engine.ts";
import { ModelInstance } from "../engine/instance.ts";
import { loadPacked } from "./packed.ts";
import { architectureOf } from "../architecture/flat.ts";
import { locationOf } from "./location.ts";
import { isOutOfMemory, outOfMemory } from "../engine/memory.ts";
import { planWeights } from "../architecture/plan.ts";
import { chooseReadAhead } from "./read-ahead.ts";
import { chooseThreads } from "./threads.ts";
import { whileUnchanged } from "./unchanged.ts";
import { bestTier } from "./tier.ts";
import { LOAD_OPTIONS, type LoadOptions } from "../engine/types.ts";
import { checkOptions } from "../options.ts";

/**
 * Loads a packed file (straight into linear memory), or a Hugging Face folder or GGUF file (packed on the way).
 * @throws BlockFFNError subclasses that name the file and field.
 */
export async function loadModel(host: Host, location: string | URL, options: LoadOptions = {}): Promise<ModelInstance> {
  checkOptions(options, LOAD_OPTIONS, "loadModel");
  const { quantize, onProgress } = options;
  const opened = host.open(locationOf(location), { quantize, onProgress: (_, done, total) => onProgress?.(done, total) });
  const tier = prepareEngine(host, options);
  const files = await opened;
  const load = files.single ? loadFile : loadFolder;
  try {
    return await whileUnchanged(
      files,
      () => load(host, tier, files, options),
      (model) => model.dispose(),
    );
  } catch (error) {
    throw isOutOfMemory(error) && !(error instanceof BlockFFNError) ? outOfMemory(files.name, error) : error;
  }
}

/** The tier to run on. Its engine begins to compile, which goes along with opening the model and reading its header. */
function prepareEngine(host: Host, { tier, threads = 1 }: LoadOptions): Promise<Tier> {
  const chosen = tier === undefined ? bestTier(host) : Promise.resolve(tier);
  // Failures are told by those who ask for the tier, and for the engine, next.
  chosen.then((found) => host.engine(found, threads > 1 && host.threads !== undefined)).catch(() => undefined);
  return chosen;
}

async function loadFile(host: Host, tier: Promise<Tier>, files: ModelFiles, options: LoadOptions): Promise<ModelInstance> {
  const source = await files.open("");
  if (source === undefined) throw new ConfigError("there is no such file", { file: files.name });
  try {
    if (await isGguf(source)) return await loadCheckpoint(host, tier, files.name, await openGguf(source), options);
    return await loadPacked(host, tier, source, options);
  } finally {
    await source.close();
  }
}

async function loadFolder(host: Host, tier: Promise<Tier>, files: ModelFiles, options: LoadOptions): Promise<ModelInstance> {
  const checkpoint = await openCheckpoint(files);
  try {
    return await loadCheckpoint(host, tier, files.name, checkpoint, options);
  } finally {
    await checkpoint.tensors.close();
  }
}

async function loadCheckpoint(
  host: Host,
  tier: Promise<Tier>,
  name: string,
  { config, tensors, text }: Checkpoint,
  options: LoadOptions,
): Promise<ModelInstance> {
  const plan = planWeights(config, options.quantize ?? defaultQuantization(tensors));
  const threads = chooseThreads(host, config, plan, options.threads);
  const weights = new CheckpointWeights(architectureOf(config), tensors, MODEL_LAYERS);
  const engine = await Engine.start(host, await tier, { threads, name, wait: options.threads !== undefined });
  try {
    const model = new ModelInstance({
      name,
      config,
      tier: await tier,
      engine,
      plan,
      ffn: options.ffn ?? "sparse",
      text,
      pause: host.pause,
      frozenClock: host.frozenClock,
    });
    await packWeights(
      plan,
      weights,
      (offset, bytes) => model.engine.bytes(model.addresses.weights + offset, bytes.length).set(bytes),
      options.onProgress,
    );
    chooseReadAhead(model, () => host.now());
    return model;
  } catch (error) {
    engine.dispose();
    throw error;
  }
}
