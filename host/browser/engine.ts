import { SourceError } from "../../src/errors.ts";
import { compiledOnce, type EngineFile } from "../compiled.ts";

/** Beside the bundle in dist/browser/. Written out, so that bundlers see which files go with it. */
const ENGINES: Readonly<Record<EngineFile, URL>> = {
  "engine.scalar.wasm": new URL("./engine.scalar.wasm", import.meta.url),
  "engine.simd.wasm": new URL("./engine.simd.wasm", import.meta.url),
  "engine.relaxed.wasm": new URL("./engine.relaxed.wasm", import.meta.url),
  "engine.scalar.threads.wasm": new URL("./engine.scalar.threads.wasm", import.meta.url),
  "engine.simd.threads.wasm": new URL("./engine.simd.threads.wasm", import.meta.url),
  "engine.relaxed.threads.wasm": new URL("./engine.relaxed.threads.wasm", import.meta.url),
};

async function compile(file: EngineFile): Promise<WebAssembly.Module> {
  const { href } = ENGINES[file];
  const response = await fetch(href).catch((cause: unknown) => {
    throw new SourceError("the engine cannot be fetched", { file: href, cause });
  });
  if (!response.ok)
    throw new SourceError(`the engine is not there (${response.status}); serve it beside blockffn's script`, { file: href });
  // Servers that do not know .wasm call it something else, and then only whole files compile.
  const streams = response.headers.get("content-type")?.startsWith("application/wasm") === true;
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}

/** The engine of a tier, compiled while it comes in, once a page or worker. @throws SourceError when its file is not served. */
export const browserEngine = compiledOnce(compile);
