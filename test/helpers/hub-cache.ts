import { FolderCache } from "../../host/node/cache-disk.ts";
import { nodeDisk } from "../../host/node/files.ts";
import type { ModelFiles, OpenOptions } from "../../src/format/source.ts";
import { ModelCache } from "../../src/hub/cache.ts";
import type { Patience } from "../../src/hub/client.ts";
import { placeOf } from "../../src/hub/place.ts";
import type { HubSettings } from "../../src/hub/settings.ts";
import type { HubServer } from "./hub-server.ts";

/** Short waits: no test depends on how long they are. */
export const IMPATIENT: Patience = { retries: 2, retryMs: 1, longestWaitMs: 5000, silenceMs: 20_000 };

/** The cache in a folder, over a hub of this machine. */
export function testCache(hub: HubServer, root: string, settings: Partial<HubSettings> = {}, patience: Partial<Patience> = {}): ModelCache {
  const endpoint = new URL(`${hub.endpoint}/`);
  return new ModelCache(
    new FolderCache(root, nodeDisk),
    { endpoint, token: undefined, offline: false, ...settings },
    { ...IMPATIENT, ...patience },
  );
}

export function openIn(cache: ModelCache, location: string, options: OpenOptions = {}): Promise<ModelFiles> {
  const place = placeOf(location);
  if (place.kind !== "hub" && place.kind !== "url") throw new Error(`${location} is not fetched`);
  return cache.open(place, options);
}

/** A model's file as a whole. */
export async function bytesOf(files: ModelFiles): Promise<Buffer> {
  const file = await files.open("");
  const bytes = Buffer.alloc(file!.size);
  await file!.readInto(0, bytes);
  await file!.close();
  return bytes;
}
