import type { Host } from "../../src/host.ts";
import { inTurns } from "../../src/pause.ts";
import { SourceError } from "../../src/errors.ts";
import { compiledOnce, type EngineFile } from "../compiled.ts";
import { sourceError } from "./files.ts";
import { denoModels } from "./models.ts";
import { filePath, PACKAGE_ROOT } from "./package.ts";
import { deno } from "./runtime.ts";
import { denoThreads } from "./threads.ts";

async function compile(file: EngineFile): Promise<WebAssembly.Module> {
  const url = new URL(`dist/engine/${file}`, PACKAGE_ROOT);
  const bytes = await deno.readFile(url).catch((cause: unknown) => {
    if (cause instanceof deno.errors.NotFound)
      throw new SourceError("the engine is not built; run `npm run build`", { file: filePath(url), cause });
    throw sourceError(filePath(url), cause);
  });
  return WebAssembly.compile(bytes);
}

const NOTHING = new Uint8Array(0);

/**
 * Deno: models by name, from local files and from the hub, the engine from the package's dist/engine, compiled once a process, worker
 * threads.
 * Needs `--allow-read` of files and engine.
 */
export const denoHost: Host = {
  engine: compiledOnce(compile),
  open: (location, options) => denoModels().open(location, options),
  now: () => performance.now(),
  threads: denoThreads,
  pause: inTurns(pause),
};

/**
 * Deno serves message ports and immediates before its sockets, so that a client that goes away would be noticed late. A timer lets the
 * sockets in, and so does work that another thread does; a request needs several turns of the loop, so it gets two.
 */
async function pause(): Promise<void> {
  await crypto.subtle.digest("SHA-256", NOTHING);
  await new Promise((resolve) => setTimeout(resolve, 0));
}
