import { HOST_BASE } from "../../core/layout/memory.ts";
import { quantizationOf } from "../architecture/plan.ts";
import { BlockFFNError, ConfigError } from "../errors.ts";
import { openPacked } from "../format/packed/packed.ts";
import type { ByteSource } from "../format/source.ts";
import type { Host, Tier } from "../host.ts";
import { checkDraftTokens, WeightCheck } from "./check.ts";
import { DamageCheck } from "./damage.ts";
import { Engine } from "../engine/engine.ts";
import { FileRead } from "./file-read.ts";
import { ModelInstance } from "../engine/instance.ts";
import { layoutModel } from "../engine/layout.ts";
import { growMemory, newMemory } from "../engine/memory.ts";
import { chooseReadAhead } from "./read-ahead.ts";
import { chooseThreads, WORTH_BYTES } from "./threads.ts";
import type { LoadOptions } from "../engine/types.ts";

/**
 * Loads a packed file: its weights are read to where they stay. A small file is read from the start at once, and its header checked
 * meanwhile, which takes as long as the rest of the read; of others, and of streams, the header comes first.
 * @throws BlockFFNError subclasses that name the file and field.
 */
export async function loadPacked(host: Host, chosen: Promise<Tier>, source: ByteSource, options: LoadOptions): Promise<ModelInstance> {
  const { name } = source;
  let read = mayReadAtOnce(source, options) ? readAll(host, source, options) : undefined;
  try {
    const { config, plan, draft, weightsOffset, bytes, checksums, readText } = await openPacked(read ?? source, source);
    if (options.quantize !== undefined && options.quantize !== quantizationOf(plan)) {
      throw new ConfigError(`is packed as ${quantizationOf(plan)}; convert the original folder to get ${options.quantize}`, {
        file: name,
        field: "quantize",
      });
    }
    let threads = chooseThreads(host, config, plan, options.threads);
    // Threads that nobody asked for are left out where they cannot be had.
    const shared = threads > 1 && options.threads === undefined ? await sharedMemory(host, chosen, threads) : undefined;
    if (options.threads === undefined && shared === undefined) threads = 1;
    const layout = layoutModel(config, plan, draft, { threads, base: HOST_BASE, file: name, weightsAt: read?.addressOf(weightsOffset) });
    const { weights } = layout.addresses;
    const text = readText();
    text.catch(() => undefined);
    if (read === undefined) {
      const memory = shared ?? newMemory(threads, host.memory);
      growMemory(memory, layout.end, "the model", name);
      read = new FileRead(source, { start: weightsOffset, bytes, memory, at: weights }, options.onProgress);
    }
    const tier = await chosen;
    const engine = await Engine.start(host, tier, { threads, name, wait: options.threads !== undefined, memory: read.memory });
    try {
      if (engine.exports.heapBase() >>> 0 > HOST_BASE)
        throw new BlockFFNError("the engine's own data reach into the model; please report this", { file: name });
      const check = new WeightCheck(engine, weights, plan, draft, name);
      const damage = checksums && new DamageCheck(engine, checksums, { start: weightsOffset, bytes, at: weights });
      await read.each((end) => {
        damage?.upTo(end);
        check.upTo(end - weightsOffset);
      });
      await text;
      await checksums?.read(source);
      // What follows the weights in the file lies where descriptors go, which are written into cleared memory.
      const behind = weights + bytes;
      engine.bytes(behind, Math.max(0, read.addressOf(read.end) - behind)).fill(0);
      if (draft !== undefined) checkDraftTokens(engine, weights, draft, config.vocabSize, name);
      const model = new ModelInstance({
        name,
        config,
        tier,
        engine,
        plan,
        draft,
        layout,
        ffn: options.ffn ?? "sparse",
        text: await text,
        pause: host.pause,
        frozenClock: host.frozenClock,
      });
      chooseReadAhead(model, () => host.now());
      return model;
    } catch (error) {
      engine.dispose();
      throw error;
    }
  } finally {
    await read?.stop();
  }
}

/** Memory that threads share; undefined where their engine or the memory cannot be had. */
async function sharedMemory(host: Host, tier: Promise<Tier>, threads: number): Promise<WebAssembly.Memory | undefined> {
  const chosen = await tier;
  try {
    await host.engine(chosen, true);
    return newMemory(threads, host.memory);
  } catch {
    return undefined;
  }
}

/** Whether what must be known before there is memory for a file is known without its header: that it fits, and the threads. */
function mayReadAtOnce(source: ByteSource, { threads = 1 }: LoadOptions): boolean {
  return source.sequential !== true && source.size <= WORTH_BYTES && threads === 1;
}

function readAll(host: Host, source: ByteSource, options: LoadOptions): FileRead {
  const memory = newMemory(1, host.memory);
  growMemory(memory, HOST_BASE + source.size, "the model", source.name);
  return new FileRead(source, { start: 0, bytes: source.size, memory, at: HOST_BASE }, options.onProgress);
}
