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
import { WeightCheck } from "./check.ts";
import { chooseReadAhead } from "./read-ahead.ts";
import { bestTier } from "./tier.ts";
import type { LoadOptions } from "./types.ts";

/** Bytes read at a time, and reads under way at once: where the host can, they go on in parallel. */
const READ_BYTES = 2 ** 22;
const READS_AT_ONCE = 4;

/**
 * Loads a packed file (straight into linear memory) or a Hugging Face folder (packed on the way).
 * @throws BlockFFNError subclasses that name the file and field.
 */
export async function loadModel(host: Host, location: string, options: LoadOptions = {}): Promise<ModelInstance> {
  const tier = options.tier ?? (await bestTier(host));
  const [files, module] = await Promise.all([host.open(location), host.engine(tier)]);
  const model = await (files.single ? loadPacked(files, module, tier, options) : loadFolder(files, module, tier, options));
  chooseReadAhead(model, () => host.now());
  return model;
}

async function loadPacked(files: ModelFiles, module: WebAssembly.Module, tier: Tier, options: LoadOptions): Promise<ModelInstance> {
  const source = await files.open("");
  if (source === undefined) throw new ConfigError("there is no such file", { file: files.name });
  try {
    const packed = await openPacked(source);
    if (options.quantize !== undefined && options.quantize !== packed.plan.quantization) {
      throw new ConfigError(`is packed as ${packed.plan.quantization}; convert the original folder to get ${options.quantize}`, { file: files.name, field: "quantize" });
    }
    const { config, plan } = packed;
    const [tokenizerJson, engine] = await Promise.all([packed.readTokenizer(), Engine.create(module, files.name)]);
    const model = new ModelInstance({ name: files.name, config, tier, engine, plan, ffn: options.ffn ?? "sparse", tokenizerJson });
    await readWeights(source, packed, model, options);
    return model;
  } finally {
    await source.close();
  }
}

/** Reads ranges in order, several at once, and checks what is there while the next are under way. */
async function readWeights(source: ByteSource, packed: PackedModel, model: ModelInstance, options: LoadOptions): Promise<void> {
  // The last part may end before its padding does.
  const last = packed.plan.parts[packed.plan.parts.length - 1];
  const total = last === undefined ? 0 : last.offset + last.bytes;
  const check = new WeightCheck(model);
  const finished = new Set<number>();
  let next = 0;
  let done = 0;
  let whole = 0;
  const reader = async (): Promise<void> => {
    while (next < total) {
      const at = next;
      const length = Math.min(READ_BYTES, total - at);
      next += length;
      await source.readInto(packed.weightsOffset + at, model.engine.bytes(model.addresses.weights + at, length));
      done += length;
      options.onProgress?.(done, total);
      finished.add(at);
      while (finished.delete(whole)) whole = Math.min(whole + READ_BYTES, total);
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
}

async function loadFolder(files: ModelFiles, module: WebAssembly.Module, tier: Tier, options: LoadOptions): Promise<ModelInstance> {
  const { config, tensors, tokenizerJson } = await openCheckpoint(files);
  try {
    const plan = planWeights(config, options.quantize ?? "f32");
    const weights = new CheckpointWeights(config, tensors);
    const engine = await Engine.create(module, files.name);
    const model = new ModelInstance({ name: files.name, config, tier, engine, plan, ffn: options.ffn ?? "sparse", tokenizerJson });
    const sink = (offset: number, bytes: Uint8Array): void => engine.bytes(model.addresses.weights + offset, bytes.length).set(bytes);
    await packWeights(plan, weights, sink, options.onProgress);
    return model;
  } finally {
    await tensors.close();
  }
}
