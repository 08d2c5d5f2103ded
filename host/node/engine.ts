import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { SourceError } from "../../src/errors.ts";
import type { Host, Tier } from "../../src/host.ts";
import { openLocation } from "./files.ts";
import { PACKAGE_ROOT } from "./package.ts";

const compiled = new Map<Tier, Promise<WebAssembly.Module>>();

async function compile(tier: Tier): Promise<WebAssembly.Module> {
  const url = new URL(`dist/engine/engine.${tier}.wasm`, PACKAGE_ROOT);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await readFile(url);
  } catch (cause) {
    throw new SourceError("the engine is not built; run `npm run build`", { file: fileURLToPath(url), cause });
  }
  return WebAssembly.compile(bytes);
}

/** Node: models from local files, the engine from the package's dist/engine, compiled once a process. */
export const nodeHost: Host = {
  engine(tier) {
    let module = compiled.get(tier);
    if (module === undefined) {
      module = compile(tier);
      compiled.set(tier, module);
      module.catch(() => compiled.delete(tier));
    }
    return module;
  },
  open: openLocation,
  now: () => performance.now(),
};
