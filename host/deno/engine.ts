import type { Host, Tier } from "../../src/host.ts";
import { SourceError } from "../../src/errors.ts";
import { openLocation, sourceError } from "./files.ts";
import { filePath, PACKAGE_ROOT } from "./package.ts";
import { deno } from "./runtime.ts";

const compiled = new Map<Tier, Promise<WebAssembly.Module>>();

async function compile(tier: Tier): Promise<WebAssembly.Module> {
  const url = new URL(`dist/engine/engine.${tier}.wasm`, PACKAGE_ROOT);
  try {
    return await WebAssembly.compile(await deno.readFile(url));
  } catch (cause) {
    if (cause instanceof deno.errors.NotFound) throw new SourceError("the engine is not built; run `npm run build`", { file: filePath(url), cause });
    throw sourceError(filePath(url), cause);
  }
}

/** Deno: models from local files, the engine from the package's dist/engine, compiled once a process. Needs `--allow-read` of these two. */
export const denoHost: Host = {
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
  // Deno's message ports are served before its sockets: a client that goes away would be noticed late.
  pause: () => new Promise((resolve) => setTimeout(resolve, 0)),
};
