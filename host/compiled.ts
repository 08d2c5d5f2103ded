import type { Host, Tier } from "../src/host.ts";

/** Files of the engine, as scripts/build-engine.mjs names them. */
export type EngineFile = `engine.${Tier}${"" | ".threads"}.wasm`;

/** `Host.engine` that compiles each file once; one that failed is tried again. */
export function compiledOnce(compile: (file: EngineFile) => Promise<WebAssembly.Module>): Host["engine"] {
  const compiled = new Map<EngineFile, Promise<WebAssembly.Module>>();
  return (tier, threads = false) => {
    const file: EngineFile = `engine.${tier}${threads ? ".threads" : ""}.wasm`;
    let module = compiled.get(file);
    if (module === undefined) {
      module = compile(file);
      compiled.set(file, module);
      module.catch(() => compiled.delete(file));
    }
    return module;
  };
}
