import { SourceError } from "../../src/errors.ts";
import type { ByteSource, ModelFiles } from "../../src/format/source.ts";
import { checkUnchanged, download, sameVersion, versionOf, type Version } from "../web/download.ts";
import { StreamSource } from "../web/stream-source.ts";
import { ModelCache } from "./cache.ts";

/** Opens a packed model by its URL, relative to the page. @throws SourceError for what is no http(s) or blob URL. */
export function openUrl(location: string, cached: boolean): ModelFiles {
  const url = absoluteUrl(location);
  let fetched: Version | undefined;
  return {
    name: url,
    single: true,
    unchanged: async () => (fetched === undefined ? undefined : checkUnchanged(url, fetched)),
    open: async (name) => (name === "" ? openSource(url, cached, (version) => (fetched = version)) : undefined),
  };
}

/** A URL as the page means it: a worker's own base is its script. @throws SourceError when it is none that can be fetched. */
export function absoluteUrl(location: string): string {
  const base = globalThis.document?.baseURI ?? globalThis.location.href;
  const url = URL.canParse(location, base) ? new URL(location, base) : undefined;
  if (url === undefined || !/^(https?|blob):$/.test(url.protocol)) {
    throw new SourceError("is not the URL of a packed model; in a browser, models come by http(s): names and hf: need Node or Deno", {
      file: location,
    });
  }
  return url.href;
}

/** @param onFetch gets the version of what the server sends, if it has to */
async function openSource(url: string, cached: boolean, onFetch: (version: Version) => void): Promise<ByteSource> {
  const cache = cached && !url.startsWith("blob:") ? await ModelCache.open() : undefined;
  const kept = await cache?.find(url);
  if (kept !== undefined && (await isCurrent(url, kept.entry.version))) return new StreamSource(url, kept.entry.size, kept.stream());
  // What goes into our cache need not go into the browser's too.
  const file = await download(url, cache === undefined ? {} : { cache: "no-store" });
  onFetch(file.version);
  return new StreamSource(url, file.size, cache === undefined ? file.stream : await cache.keep(file));
}

/** Is a kept version what the server has now? Yes when nobody answers (offline), or when the server does not say. */
async function isCurrent(url: string, kept: Version): Promise<boolean> {
  const response = await fetch(url, { method: "HEAD", cache: "no-store" }).catch(() => undefined);
  if (response === undefined) return true;
  if (response.ok) return sameVersion(kept, versionOf(response));
  return response.status !== 404 && response.status !== 410;
}
