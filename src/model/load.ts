import { ConfigError } from "../errors.ts";
import { openCheckpoint } from "../format/checkpoint.ts";
import { packWeights } from "../format/pack.ts";
import { openPacked, type PackedModel } from "../format/packed.ts";
import type { ByteSource, ModelFiles } from "../format/source.ts";
import { CheckpointWeights } from "../format/weights.ts";
import type { Host, Tier } from "../host.ts";
import { Engine } from "./engine.ts";
import { ModelInstance } from "./instance.ts";
import { planWeights } from "./plan.ts";
import { checkWeights } from "./check.ts";
import { bestTier } from "./tier.ts";
import type { LoadOptions } from "./types.ts";

/** Bytes read at a time, and reads under way at once: copying into fresh memory then goes on in parallel where the host can. */
const READ_BYTES = 2 ** 20;
const READS_AT_ONCE = 4;

/**
 * Loads a packed file (straight into linear memory) or a Hugging Face folder (packed on the way).
 * @throws BlockFFNError subclasses that name the file and field.
 */
export async function loadModel(host: Host, location: string, options: LoadOptions = {}): Promise<ModelInstance> {
  const files = await host.open(location);
  const tier = options.tier ?? bestTier();
  const engine = await Engine.create(await host.engine(tier), files.name);
  return files.single ? loadPacked(host, files, engine, tier, options) : loadFolder(host, files, engine, tier, options);
}

async function loadPacked(host: Host, files: ModelFiles, engine: Engine, tier: Tier, options: LoadOptions): Promise<ModelInstance> {
  const source = await files.open("");
  if (source === undefined) throw new ConfigError("there is no such file", { file: files.name });
  try {
    const packed = await openPacked(source);
    if (options.quantize !== undefined && options.quantize !== packed.plan.quantization) {
      throw new ConfigError(`is packed as ${packed.plan.quantization}; convert the original folder to get ${options.quantize}`, { file: files.name, field: "quantize" });
    }
    const tokenizerJson = await packed.readTokenizer();
    const { config, plan, chatTemplate } = packed;
    const model = new ModelInstance({ name: files.name, config, tier, engine, plan, ffn: options.ffn ?? "sparse", tokenizerJson, chatTemplate, pause: host.pause });
    await readWeights(source, packed, model, options);
    checkWeights(model);
    return model;
  } finally {
    await source.close();
  }
}

async function readWeights(source: ByteSource, packed: PackedModel, model: ModelInstance, options: LoadOptions): Promise<void> {
  // The last part may end before its padding does.
  const last = packed.plan.parts[packed.plan.parts.length - 1];
  const total = last === undefined ? 0 : last.offset + last.bytes;
  let next = 0;
  let done = 0;
  const reader = async (): Promise<void> => {
    while (next < total) {
      const at = next;
      const length = Math.min(READ_BYTES, total - at);
      next += length;
      await source.readInto(packed.weightsOffset + at, model.engine.bytes(model.addresses.weights + at, length));
      done += length;
      options.onProgress?.(done, total);
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, reader));
}

async function loadFolder(host: Host, files: ModelFiles, engine: Engine, tier: Tier, options: LoadOptions): Promise<ModelInstance> {
  const { config, tensors, tokenizerJson, chatTemplate } = await openCheckpoint(files);
  try {
    const plan = planWeights(config, options.quantize ?? "f32");
    const weights = new CheckpointWeights(config, tensors);
    const model = new ModelInstance({ name: files.name, config, tier, engine, plan, ffn: options.ffn ?? "sparse", tokenizerJson, chatTemplate, pause: host.pause });
    const sink = (offset: number, bytes: Uint8Array): void => engine.bytes(model.addresses.weights + offset, bytes.length).set(bytes);
    await packWeights(plan, weights, sink, options.onProgress);
    return model;
  } finally {
    await tensors.close();
  }
}
