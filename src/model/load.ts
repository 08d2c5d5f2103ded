import { ConfigError } from "../errors.ts";
import { openCheckpoint } from "../format/checkpoint.ts";
import type { DraftLayout } from "../format/draft-head.ts";
import { packWeights } from "../format/pack.ts";
import { openPacked, type PackedModel } from "../format/packed.ts";
import type { ByteSource, ModelFiles } from "../format/source.ts";
import { CheckpointWeights } from "../format/weights.ts";
import type { Host } from "../host.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import type { ModelConfig } from "./config.ts";
import { Engine } from "./engine.ts";
import { ModelInstance } from "./instance.ts";
import { planWeights, type WeightPlan } from "./plan.ts";
import { checkDraftTokens, WeightCheck } from "./check.ts";
import { chooseReadAhead } from "./read-ahead.ts";
import { chooseThreads } from "./threads.ts";
import { bestTier } from "./tier.ts";
import type { LoadOptions } from "./types.ts";

/** Bytes read at a time, and reads under way at once: where the host can, they go on in parallel. */
const READ_BYTES = 2 ** 22;
const READS_AT_ONCE = 4;
/** Of streams, which mostly come from afar: progress shows after each. */
const STREAM_BYTES = 2 ** 18;

/**
 * Loads a packed file (straight into linear memory) or a Hugging Face folder (packed on the way).
 * @throws BlockFFNError subclasses that name the file and field.
 */
export async function loadModel(host: Host, location: string, options: LoadOptions = {}): Promise<ModelInstance> {
  const files = await host.open(location);
  return files.single ? loadPacked(host, files, options) : loadFolder(host, files, options);
}

/** A model without weights, and `fill` to put them in; where that fails, its threads end. */
async function build(
  host: Host,
  init: {
    name: string; config: ModelConfig; plan: WeightPlan; draft: DraftLayout | undefined; tokenizerJson: Uint8Array | undefined; chatTemplate: ChatTemplate | undefined;
  },
  options: LoadOptions,
  fill: (model: ModelInstance) => Promise<void>,
): Promise<ModelInstance> {
  const tier = options.tier ?? (await bestTier(host));
  const engine = await Engine.start(host, tier, chooseThreads(host, init.config, init.plan, options.threads), init.name, options.threads !== undefined);
  try {
    const model = new ModelInstance({ ...init, tier, engine, ffn: options.ffn ?? "sparse", pause: host.pause, frozenClock: host.frozenClock });
    await fill(model);
    chooseReadAhead(model, () => host.now());
    return model;
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

async function loadPacked(host: Host, files: ModelFiles, options: LoadOptions): Promise<ModelInstance> {
  const source = await files.open("");
  if (source === undefined) throw new ConfigError("there is no such file", { file: files.name });
  try {
    const packed = await openPacked(source);
    if (options.quantize !== undefined && options.quantize !== packed.plan.quantization) {
      throw new ConfigError(`is packed as ${packed.plan.quantization}; convert the original folder to get ${options.quantize}`, { file: files.name, field: "quantize" });
    }
    const { config, plan, draft, chatTemplate } = packed;
    const tokenizerJson = await packed.readTokenizer();
    return await build(host, { name: files.name, config, plan, draft, tokenizerJson, chatTemplate }, options, (model) => readWeights(source, packed, model, options));
  } finally {
    await source.close();
  }
}

/** Reads ranges in order, several at once, and checks what is there while the next are under way. */
async function readWeights(source: ByteSource, packed: PackedModel, model: ModelInstance, options: LoadOptions): Promise<void> {
  // The last part may end before its padding does.
  const total = packed.bytes;
  const check = new WeightCheck(model, packed.draft);
  const finished = new Set<number>();
  const step = source.sequential === true ? STREAM_BYTES : READ_BYTES;
  let next = 0;
  let done = 0;
  let whole = 0;
  const reader = async (): Promise<void> => {
    while (next < total) {
      const at = next;
      const length = Math.min(step, total - at);
      next += length;
      await source.readInto(packed.weightsOffset + at, model.engine.bytes(model.addresses.weights + at, length));
      done += length;
      options.onProgress?.(done, total);
      finished.add(at);
      while (finished.delete(whole)) whole = Math.min(whole + step, total);
      check.upTo(whole);
    }
  };
  try {
    await Promise.all(Array.from({ length: READS_AT_ONCE }, reader));
  } catch (error) {
    // No reader starts another range.
    next = total;
    throw error;
  }
  if (packed.draft !== undefined) checkDraftTokens(model, packed.draft);
}

async function loadFolder(host: Host, files: ModelFiles, options: LoadOptions): Promise<ModelInstance> {
  const { config, tensors, tokenizerJson, chatTemplate } = await openCheckpoint(files);
  try {
    const plan = planWeights(config, options.quantize ?? "f32");
    const weights = new CheckpointWeights(config, tensors);
    return await build(host, { name: files.name, config, plan, draft: undefined, tokenizerJson, chatTemplate }, options, async (model) => {
      const sink = (offset: number, bytes: Uint8Array): void => model.engine.bytes(model.addresses.weights + offset, bytes.length).set(bytes);
      await packWeights(plan, weights, sink, options.onProgress);
    });
  } finally {
    await tensors.close();
  }
}
