import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ByteSource, ModelFiles } from "../../src/format/source.ts";
import type { Host, Tier } from "../../src/host.ts";
import { bestTier } from "../../src/load/tier.ts";

export const root = join(import.meta.dirname, "../..");

/** A file read into memory. */
export function fileSource(path: string): ByteSource {
  return bytesSource(readFileSync(path), path);
}

/** Bytes as a file. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    readInto: async (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
    close: async () => {},
  };
}

/** A folder or file on disk. */
export function diskFiles(path: string): ModelFiles {
  const single = statSync(path).isFile();
  return {
    name: path,
    single,
    open: async (name) => {
      const file = single ? path : join(path, name);
      return existsSync(file) ? fileSource(file) : undefined;
    },
  };
}

const modules = new Map<string, WebAssembly.Module>();

/** The compiled engine of a tier, from the build; with `threads`, the one for shared memory. */
export function engineModule(tier: Tier, threads = false): WebAssembly.Module {
  const path = join(root, `dist/engine/engine.${tier}${threads ? ".threads" : ""}.wasm`);
  if (!existsSync(path)) throw new Error("the engine is not built: run npm run build");
  const module = modules.get(path) ?? new WebAssembly.Module(readFileSync(path));
  modules.set(path, module);
  return module;
}

/** A host over the build and the disk, without any adapter in between, and without threads. */
export const testHost: Host = {
  engine: async (tier, threads) => engineModule(tier, threads),
  open: async (location) => diskFiles(location),
  now: () => performance.now(),
  ...(process.env["BLOCKFFN_RESTLESS"] === "1" ? { memory: { restless: true } } : {}),
};

/** Tiers whose results are the same bits everywhere. */
export const DETERMINISTIC: readonly Tier[] = ["scalar", "simd"];

/** All tiers that work here; `relaxed` is not among them on Node 20 without flags (vitest.config.ts runs what needs it with them). */
export const TIERS: readonly Tier[] = (await bestTier(testHost)) === "relaxed" ? [...DETERMINISTIC, "relaxed"] : DETERMINISTIC;
