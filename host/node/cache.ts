import { ModelCache } from "../../src/hub/cache.ts";
import { cacheFolder, hubSettings, type Env } from "../../src/hub/settings.ts";
import type { Disk } from "../local-files.ts";
import { FolderCache } from "./cache-disk.ts";

/** The cache and the hub that the environment names. @throws UsageError, SourceError for settings that cannot be. */
export function openCache(env: Env, disk: Disk): ModelCache {
  return new ModelCache(new FolderCache(cacheFolder(env), disk), hubSettings(env));
}
