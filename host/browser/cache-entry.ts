import * as v from "valibot";
import type { Version } from "../web/download.ts";

/** Bytes under one digest. */
export const BLOCK_BYTES = 2 ** 20;

/** What the cache knows of a file. It is written last: without a whole entry, data are not used. */
export interface CacheEntry {
  readonly url: string;
  readonly version: Version;
  readonly size: number;
  /** Name of the data's file; a new one for each download, so that tabs do not write into each other's. */
  readonly data: string;
  /** SHA-256 of each BLOCK_BYTES of the data. */
  readonly digests: readonly string[];
}

const EntrySchema = v.object({
  url: v.string(),
  version: v.object({ etag: v.nullable(v.string()), modified: v.nullable(v.string()), length: v.nullable(v.string()) }),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  data: v.string(),
  digests: v.array(v.string()),
});

/** Reads an entry; undefined for anything that is not a whole one for this URL. */
export function parseEntry(json: string, url: string): CacheEntry | undefined {
  try {
    const entry = v.parse(EntrySchema, JSON.parse(json));
    return entry.url === url && entry.digests.length === Math.ceil(entry.size / BLOCK_BYTES) ? entry : undefined;
  } catch {
    return undefined;
  }
}
