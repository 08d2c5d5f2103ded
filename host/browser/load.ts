import type { Host } from "../../src/host.ts";
import { loadModel as load } from "../../src/load/load.ts";
import { locationOf } from "../../src/load/location.ts";
import { Model } from "../../src/model.ts";
import { LOAD_OPTIONS, type LoadOptions } from "../../src/engine/types.ts";
import { checkOptions, type OptionNames } from "../../src/options.ts";
import { DamagedCacheError, ModelCache } from "./cache.ts";
import { browserEngine } from "./engine.ts";
import { absoluteUrl, openUrl } from "./files.ts";
import { browserThreads, threadless } from "./threads.ts";

export interface BrowserLoadOptions extends LoadOptions {
  /** Keeps the model in the origin private file system, where there is one (workers only); default true. */
  readonly cache?: boolean;
}

/** Names of `BrowserLoadOptions`. */
export const BROWSER_LOAD_OPTIONS = { ...LOAD_OPTIONS, cache: true } satisfies OptionNames<BrowserLoadOptions>;

/** Browsers: models and engine by URL, threads where pages may share memory. */
function browserHost(cached: boolean): Host {
  const reason = threadless();
  return {
    engine: browserEngine,
    open: async (location) => openUrl(location, cached),
    now: () => performance.now(),
    ...(reason === undefined ? { threads: browserThreads } : { threadless: reason }),
  };
}

/**
 * Loads a packed model in this page or worker: streamed from its URL (or the cache) straight into WebAssembly memory.
 * A page should rather use `loadModelInWorker`: here, each step holds the thread.
 * @param location URL of a packed model, relative to the page
 * @throws SourceError when it cannot be fetched; FormatError, ConfigError, TokenizerError or LimitError when it cannot be used.
 */
export async function loadModel(location: string | URL, options: BrowserLoadOptions = {}): Promise<Model> {
  checkOptions(options, BROWSER_LOAD_OPTIONS, "loadModel");
  const url = absoluteUrl(locationOf(location));
  const { cache = true, ...rest } = options;
  try {
    return new Model(await load(browserHost(cache), url, rest));
  } catch (error) {
    if (!(error instanceof DamagedCacheError)) throw error;
    await (await ModelCache.open())?.remove(url);
    return new Model(await load(browserHost(cache), url, rest));
  }
}

/** Removes all models that were kept in the origin private file system. */
export async function clearModelCache(): Promise<void> {
  await (await ModelCache.open())?.clear();
}
