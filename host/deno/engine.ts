import type { Host } from "../../src/host.ts";
import { SourceError } from "../../src/errors.ts";
import { compiledOnce, type EngineFile } from "../compiled.ts";
import { openLocation, sourceError } from "./files.ts";
import { filePath, PACKAGE_ROOT } from "./package.ts";
import { deno } from "./runtime.ts";
import { denoThreads } from "./threads.ts";

async function compile(file: EngineFile): Promise<WebAssembly.Module> {
  const url = new URL(`dist/engine/${file}`, PACKAGE_ROOT);
  const bytes = await deno.readFile(url).catch((cause: unknown) => {
    if (cause instanceof deno.errors.NotFound) throw new SourceError("the engine is not built; run `npm run build`", { file: filePath(url), cause });
    throw sourceError(filePath(url), cause);
  });
  return WebAssembly.compile(bytes);
}

/** Deno: models from local files, the engine from the package's dist/engine, compiled once a process, worker threads. Needs `--allow-read` of these two. */
export const denoHost: Host = {
  engine: compiledOnce(compile),
  open: openLocation,
  now: () => performance.now(),
  threads: denoThreads,
  // Deno's message ports are served before its sockets: a client that goes away would be noticed late.
  pause: () => new Promise((resolve) => setTimeout(resolve, 0)),
};
