import { NetworkError, SourceError } from "../errors.ts";
import type { ModelFiles, OpenOptions } from "../format/source.ts";
import { Client, PATIENCE, type Patience } from "./client.ts";
import type { CacheDisk } from "./disk.ts";
import { download, validatorsOf, type Validators } from "./download.ts";
import { fetchHub, HUB_QUANTIZATION } from "./fetch-hub.ts";
import { fetchListing, isCommit, type Listing } from "./listing.ts";
import { packStaged } from "./packing.ts";
import { locationOfPlace, type HubPlace, type UrlPlace } from "./place.ts";
import { nameOf, Records, type CacheRecord } from "./records.ts";
import { OFFLINE, type HubSettings } from "./settings.ts";

const LOCK = ".lock";

/** Models of the hub and of servers, packed on this disk. Two processes may use one cache at once. */
export class ModelCache {
  readonly records: Records;
  readonly #disk: CacheDisk;
  readonly #settings: HubSettings;
  readonly #patience: Patience;

  constructor(disk: CacheDisk, settings: HubSettings, patience = PATIENCE) {
    this.#disk = disk;
    this.#settings = settings;
    this.#patience = patience;
    this.records = new Records(disk);
  }

  /**
   * Opens a model, fetched and packed before where it is not in the cache. The hub is asked which commit a branch is; where it cannot be
   * reached, the last one that was asked for is taken.
   */
  async open(place: HubPlace | UrlPlace, options: OpenOptions = {}): Promise<ModelFiles> {
    const { signal, onNote } = options;
    const client = new Client(this.#settings, { patience: this.#patience, signal, onNote });
    const record = place.kind === "hub" ? await this.#hub(client, place, options) : await this.#url(client, place, options);
    return this.#disk.open(this.records.pathOf(record.file), locationOfPlace(place));
  }

  /** Where a model lies, if it is in the cache; asks nobody. */
  async locate(place: HubPlace | UrlPlace): Promise<string | undefined> {
    const from = locationOfPlace(place);
    const found = (await this.records.list()).filter((record) => record.from === from).at(-1);
    return found && this.pathOf(found);
  }

  pathOf({ file }: CacheRecord): string {
    return this.#disk.path(this.records.pathOf(file));
  }

  /** Removes what was fetched of downloads that nobody is at any more. @returns the bytes */
  async removeUnfinished(): Promise<number> {
    let bytes = 0;
    for (const name of await this.#disk.names("parts")) {
      if (name.endsWith(LOCK)) continue;
      const staging = `parts/${name}`;
      const release = await this.#disk
        .lock(staging + LOCK, (holder) => {
          throw new SourceError(`is fetched by ${holder} just now`, { file: name });
        })
        .catch((error: unknown) => {
          if (error instanceof SourceError) return undefined;
          throw error;
        });
      if (release === undefined) continue;
      for (const file of await this.#disk.names(staging)) bytes += (await this.#disk.size(`${staging}/${file}`)) ?? 0;
      await this.#disk.remove(staging);
      await release();
    }
    return bytes;
  }

  async #hub(client: Client, place: HubPlace, options: OpenOptions): Promise<CacheRecord> {
    const { commit, listing } = await this.#commit(client, place);
    const setting = /\.safetensors$/i.test(place.file ?? "")
      ? "as it is"
      : (options.quantize ?? (place.file === undefined ? HUB_QUANTIZATION : "own"));
    const entry = await this.records.entryOf(place, commit, setting);
    return this.#once(client, place, entry, commit, options, async (staging) => {
      const files = listing ?? (await fetchListing(client, place, commit));
      return { staged: await fetchHub(client, this.#disk, place, files, staging, options), commit };
    });
  }

  /** The commit of a revision, and what it has where the hub was asked. @throws NetworkError; SourceError where nobody may be asked. */
  async #commit(client: Client, place: HubPlace): Promise<{ readonly commit: string; readonly listing?: Listing }> {
    if (isCommit(place.revision)) return { commit: place.revision };
    if (!this.#settings.offline) {
      try {
        const listing = await fetchListing(client, place);
        await this.records.keepCommit(place, listing);
        return { commit: listing.commit, listing };
      } catch (error) {
        const last = unreachable(error) ? await this.records.commitOf(place) : undefined;
        if (last === undefined) throw error;
        client.note(`${(error as Error).message}; taking the commit of the last time, ${last.slice(0, 12)}`);
        return { commit: last };
      }
    }
    const commit = await this.records.commitOf(place);
    if (commit === undefined) throw this.#notHere(place);
    return { commit };
  }

  async #url(client: Client, place: UrlPlace, options: OpenOptions): Promise<CacheRecord> {
    const setting = /\.safetensors$/i.test(place.url.pathname) ? "as it is" : (options.quantize ?? "own");
    const entry = await this.records.entryOf(place, undefined, setting);
    const kept = await this.records.find(entry);
    if (kept !== undefined && (await this.#current(client, place, kept))) return kept;
    if (kept !== undefined) client.note(`${kept.from}: changed on the server; fetching it anew`);
    return this.#once(
      client,
      place,
      entry,
      undefined,
      options,
      async (staging) => {
        const staged = `${staging}/${nameOf(place)}`;
        const report = (done: number, total = 0): void => options.onProgress?.("downloading", done, total);
        const validators = await download(client, this.#disk, staged, { url: place.url, what: locationOfPlace(place) }, report);
        return { staged, ...validators };
      },
      kept,
    );
  }

  /** Whether the server still has the version that was fetched (RFC 9110, 13.1). One that cannot be reached counts as yes. */
  async #current(client: Client, place: UrlPlace, { etag, modified, from }: CacheRecord): Promise<boolean> {
    if (this.#settings.offline) return true;
    const headers: Record<string, string> = {};
    if (typeof etag === "string") headers["if-none-match"] = etag;
    else if (typeof modified === "string") headers["if-modified-since"] = modified;
    try {
      const answer = await client.get(place.url, from, { headers, accept: [304] });
      await answer.cancel();
      if (answer.status === 304) return true;
      const now: Validators = validatorsOf(answer.headers);
      // Some servers know no conditions.
      return typeof etag === "string" ? now.etag === etag : typeof modified === "string" && now.modified === modified;
    } catch (error) {
      if (!unreachable(error)) throw error;
      client.note(`${(error as Error).message}; taking what was fetched before`);
      return true;
    }
  }

  /**
   * Makes an entry, unless another process did so meanwhile.
   * @param fetch fetches into a folder; gives the file or folder that holds the model, and its version
   * @param old entry that is to be replaced
   */
  async #once(
    client: Client,
    place: HubPlace | UrlPlace,
    entry: string,
    commit: string | undefined,
    options: OpenOptions,
    fetch: (staging: string) => Promise<{ readonly staged: string; readonly commit?: string } & Partial<Validators>>,
    old?: CacheRecord,
  ): Promise<CacheRecord> {
    const there = async (): Promise<CacheRecord | undefined> => {
      const found = await this.records.find(entry);
      return found?.fetched === old?.fetched ? undefined : found;
    };
    const kept = await there();
    if (kept !== undefined) return kept;
    if (this.#settings.offline) throw this.#notHere(place);
    const from = locationOfPlace(place);
    const staging = await this.records.stagingOf(place, commit);
    const release = await this.#disk.lock(
      staging + LOCK,
      (holder) => client.note(`${from}: ${holder} fetches it; waiting`),
      options.signal,
    );
    try {
      const made = await there();
      if (made !== undefined) return made;
      const { staged, ...version } = await fetch(staging);
      const file = `${entry}.safetensors`;
      const quantization = await packStaged(this.#disk, staged, this.records.pathOf(file), from, options);
      const record = { from, name: nameOf(place), file, quantization, ...version, fetched: new Date().toISOString() };
      await this.records.add(entry, record);
      await this.#disk.remove(staging);
      return record;
    } finally {
      await release();
    }
  }

  #notHere(place: HubPlace | UrlPlace): SourceError {
    return new SourceError(`is not in the cache (${this.#disk.root}), and ${OFFLINE} keeps the network away`, {
      file: locationOfPlace(place),
    });
  }
}

/** Whether nobody answered: then what is known from before may do. */
function unreachable(error: unknown): boolean {
  if (!(error instanceof NetworkError) || error.field !== undefined) return false;
  return error.status === undefined || error.status >= 500 || error.status === 429;
}
