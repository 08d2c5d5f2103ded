import { SourceError } from "../../src/errors.ts";
import type { Tier } from "../../src/host.ts";

/** Beside the bundle in dist/browser/. Written out, so that bundlers see which files go with it. */
const ENGINES: Readonly<Record<`${Tier}${"" | ".threads"}`, URL>> = {
  scalar: new URL("./engine.scalar.wasm", import.meta.url),
  simd: new URL("./engine.simd.wasm", import.meta.url),
  relaxed: new URL("./engine.relaxed.wasm", import.meta.url),
  "scalar.threads": new URL("./engine.scalar.threads.wasm", import.meta.url),
  "simd.threads": new URL("./engine.simd.threads.wasm", import.meta.url),
  "relaxed.threads": new URL("./engine.relaxed.threads.wasm", import.meta.url),
};

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** The engine of a tier, compiled while it comes in, once a page or worker. @throws SourceError when its file is not served. */
export function browserEngine(tier: Tier, threads = false): Promise<WebAssembly.Module> {
  const { href } = ENGINES[`${tier}${threads ? ".threads" : ""}`];
  let module = compiled.get(href);
  if (module === undefined) {
    module = compile(href);
    compiled.set(href, module);
    module.catch(() => compiled.delete(href));
  }
  return module;
}

async function compile(href: string): Promise<WebAssembly.Module> {
  const response = await fetch(href).catch((cause: unknown) => {
    throw new SourceError("the engine cannot be fetched", { file: href, cause });
  });
  if (!response.ok) throw new SourceError(`the engine is not there (${response.status}); serve it beside blockffn's script`, { file: href });
  // Servers that do not know .wasm call it something else, and then only whole files compile.
  const streams = response.headers.get("content-type")?.startsWith("application/wasm") === true;
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}
