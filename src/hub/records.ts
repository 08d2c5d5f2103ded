import * as v from "valibot";
import { UsageError } from "../errors.ts";
import { decodeUtf8 } from "../format/bytes.ts";
import { FORMAT_VERSION } from "../format/packed/keys.ts";
import type { CacheDisk } from "./disk.ts";
import { isCommit, type Listing } from "./listing.ts";
import type { HubPlace, UrlPlace } from "./place.ts";

const Text = v.pipe(v.string(), v.maxLength(8192));
const Schema = v.object({
  /** What it was fetched from, as people write it. */
  from: Text,
  /** Short name, for `--model`. */
  name: Text,
  /** Its file in the cache's folder `models`. */
  file: v.pipe(Text, v.regex(/^[\w.-]+\.safetensors$/)),
  quantization: Text,
  /** Of the hub: the commit. */
  commit: v.optional(v.pipe(v.string(), v.check(isCommit))),
  /** Of a URL: the version that the server had. */
  etag: v.nullish(Text),
  modified: v.nullish(Text),
  /** When it was fetched (ISO 8601). */
  fetched: Text,
});

/** What is known of a model in the cache. */
export type CacheRecord = v.InferOutput<typeof Schema>;

const MAX_RECORD_BYTES = 1 << 16;
const MODELS = "models";
const REFS = "refs";

/** The cache's books: which packed files it has, what they were made from, and which commits revisions were last. */
export class Records {
  readonly disk: CacheDisk;

  constructor(disk: CacheDisk) {
    this.disk = disk;
  }

  /** Name of an entry: of one source, packed in one way by one format. */
  async entryOf(place: HubPlace | UrlPlace, commit: string | undefined, setting: string): Promise<string> {
    const key = place.kind === "hub" ? ["hub", place.owner, place.repo, commit, place.file ?? ""] : ["url", place.url.href];
    return `${slugOf(place)}-${await shortHash([...key, setting, FORMAT_VERSION])}`;
  }

  /** Name of the folder that a source is fetched into; it does not depend on how it will be packed. */
  async stagingOf(place: HubPlace | UrlPlace, commit: string | undefined): Promise<string> {
    return `parts/${await this.entryOf(place, commit, "source")}`;
  }

  pathOf(file: string): string {
    return `${MODELS}/${file}`;
  }

  /** An entry that is whole; undefined when it is not there. */
  async find(entry: string): Promise<CacheRecord | undefined> {
    const record = await this.#read(`${MODELS}/${entry}.json`);
    return record !== undefined && (await this.disk.size(this.pathOf(record.file))) !== undefined ? record : undefined;
  }

  async add(entry: string, record: CacheRecord): Promise<void> {
    await this.#write(`${MODELS}/${entry}.json`, record);
  }

  async remove(entry: string): Promise<void> {
    await this.disk.remove(`${MODELS}/${entry}.json`);
    await this.disk.remove(this.pathOf(`${entry}.safetensors`));
  }

  /** All entries, by name, then by time. */
  async list(): Promise<(CacheRecord & { readonly entry: string })[]> {
    const found: (CacheRecord & { entry: string })[] = [];
    for (const name of await this.disk.names(MODELS)) {
      if (!name.endsWith(".json")) continue;
      const entry = name.slice(0, -".json".length);
      const record = await this.find(entry);
      if (record !== undefined) found.push({ ...record, entry });
    }
    const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    return found.sort((a, b) => order(a.name, b.name) || order(a.fetched, b.fetched));
  }

  /** The entry of a short name: the one that was fetched last. @throws UsageError when several models have it. */
  async named(name: string): Promise<CacheRecord | undefined> {
    const found = (await this.list()).filter((record) => record.name.toLowerCase() === name.toLowerCase());
    const sources = [...new Set(found.map(({ from }) => from))];
    if (sources.length > 1) throw new UsageError(`is the name of several models here: say ${sources.join(" or ")}`, { file: name });
    return found.at(-1);
  }

  /** The commit that a revision was when it was last asked for. */
  async commitOf(place: HubPlace): Promise<string | undefined> {
    const bytes = await this.disk.read(await refPath(place), MAX_RECORD_BYTES).catch(() => undefined);
    const commit = bytes === undefined ? "" : (decodeUtf8(bytes) ?? "").trim();
    return isCommit(commit) ? commit : undefined;
  }

  async keepCommit(place: HubPlace, { commit }: Listing): Promise<void> {
    if (isCommit(place.revision) || (await this.commitOf(place)) === commit) return;
    await this.disk.write(await refPath(place), async (sink) => sink(new TextEncoder().encode(`${commit}\n`)));
  }

  async #read(path: string): Promise<CacheRecord | undefined> {
    const bytes = await this.disk.read(path, MAX_RECORD_BYTES).catch(() => undefined);
    try {
      return bytes === undefined ? undefined : v.parse(Schema, JSON.parse(decodeUtf8(bytes) ?? ""));
    } catch {
      // Of another version, or damaged: it is fetched again.
      return undefined;
    }
  }

  async #write(path: string, record: CacheRecord): Promise<void> {
    await this.disk.write(path, async (sink) => sink(new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`)));
  }
}

/** The short name of what a place has. */
export function nameOf(place: HubPlace | UrlPlace): string {
  if (place.kind === "hub" && place.file === undefined) return place.repo;
  const path = place.kind === "hub" ? (place.file as string) : decoded(place.url.pathname);
  return plain(path.split("/").at(-1) as string).replace(/\.(safetensors|gguf)$/i, "") || "model";
}

function slugOf(place: HubPlace | UrlPlace): string {
  return plain(place.kind === "hub" ? `${place.owner}--${place.repo}` : `${place.url.hostname}--${nameOf(place)}`).slice(0, 100);
}

function plain(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^\.+/, "");
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

async function refPath({ owner, repo, revision }: HubPlace): Promise<string> {
  return `${REFS}/${plain(`${owner}--${repo}`)}-${await shortHash([owner, repo, revision])}`;
}

async function shortHash(key: readonly unknown[]): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(key)));
  return Array.from(new Uint8Array(digest, 0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
