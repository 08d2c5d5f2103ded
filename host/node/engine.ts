import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SourceError } from "../../src/errors.ts";
import type { Host } from "../../src/host.ts";
import { compiledOnce, type EngineFile } from "../compiled.ts";
import { nodeModels } from "./models.ts";
import { PACKAGE_ROOT } from "./package.ts";
import { nodeThreads } from "./threads.ts";

async function compile(file: EngineFile): Promise<WebAssembly.Module> {
  const url = new URL(`dist/engine/${file}`, PACKAGE_ROOT);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = readFileSync(url);
  } catch (cause) {
    throw new SourceError("the engine is not built; run `npm run build`", { file: fileURLToPath(url), cause });
  }
  // Functions are compiled when they are called, so this takes half a millisecond; WebAssembly.compile waits for other threads' turns.
  return new WebAssembly.Module(bytes);
}

/** Node: models by name, from files and the hub; the engine from the package's dist/engine, compiled once a process; worker threads. */
export const nodeHost: Host = {
  engine: compiledOnce(compile),
  open: (location, options) => nodeModels().open(location, options),
  now: () => performance.now(),
  threads: nodeThreads,
};
