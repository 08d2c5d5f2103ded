import { BlockFFNError } from "../src/errors.ts";
import type { Host, Tier } from "../src/host.ts";
import { isOutOfMemory, outOfMemory } from "../src/engine/memory.ts";

/** Files of the engine, as scripts/build-engine.mjs names them. */
export type EngineFile = `engine.${Tier}${"" | ".threads"}.wasm`;

/** `Host.engine` that compiles each file once; one that failed is tried again. @throws MemoryError when there is no memory for it. */
export function compiledOnce(compile: (file: EngineFile) => Promise<WebAssembly.Module>): Host["engine"] {
  const compiled = new Map<EngineFile, Promise<WebAssembly.Module>>();
  return (tier, threads = false) => {
    const file: EngineFile = `engine.${tier}${threads ? ".threads" : ""}.wasm`;
    let module = compiled.get(file);
    if (module === undefined) {
      module = compile(file).catch((cause: unknown) => {
        throw isOutOfMemory(cause) && !(cause instanceof BlockFFNError) ? outOfMemory("the engine's code", cause) : cause;
      });
      compiled.set(file, module);
      module.catch(() => compiled.delete(file));
    }
    return module;
  };
}
