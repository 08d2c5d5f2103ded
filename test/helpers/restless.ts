import { DEFAULT_MODEL } from "../../host/node/package.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import type { Host, MemoryOptions } from "../../src/host.ts";
import { loadModel } from "../../src/load/load.ts";
import { testHost } from "./test-host.ts";
import { threadedHost } from "./threads.ts";

/** A host whose engines' memory is made so, with threads where more than one are asked for. */
export function memoryHost(memory: MemoryOptions, threads = 1): Host {
  return { ...(threads > 1 ? threadedHost() : testHost), memory };
}

/** The default model over memory that grows at every call that may need more: views that outlive such a call are detached. */
export async function restlessModel(threads = 1): Promise<ModelInstance> {
  const model = await loadModel(memoryHost({ restless: true }, threads), DEFAULT_MODEL, { tier: "simd", threads });
  if (model.engine.team !== undefined) model.engine.team.always = true;
  return model;
}

/** Bytes of a model's linear memory now. */
export function memoryBytes(model: ModelInstance): number {
  return model.engine.memory.buffer.byteLength;
}
