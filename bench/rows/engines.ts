import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compiledOnce } from "../../host/compiled.ts";
import { nodeHost } from "../../host/node/index.ts";
import type { Host } from "../../src/host.ts";

/** Node with the engines of another build: a copy of its folder dist/engine. */
export function hostOf(folder: string): Host {
  return { ...nodeHost, engine: compiledOnce(async (file) => new WebAssembly.Module(readFileSync(join(folder, file)))) };
}
