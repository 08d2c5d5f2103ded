import { planWeights } from "../architecture/plan.ts";
import { FormatError, NetworkError, SourceError } from "../errors.ts";
import { readWhole } from "../format/bytes.ts";
import { FOLDER_FILES, WEIGHT_FILES } from "../format/hf/checkpoint.ts";
import { parseHfConfig } from "../format/hf/config.ts";
import { MAX_INDEX_BYTES, parseShardIndex } from "../format/safetensors/shards.ts";
import type { OpenOptions } from "../format/source.ts";
import type { Client } from "./client.ts";
import type { CacheDisk } from "./disk.ts";
import { download } from "./download.ts";
import { resolveUrl, type Listing, type RepoFile } from "./listing.ts";
import { checkRoom, packedAs } from "./packing.ts";
import { hubLocation, type HubPlace } from "./place.ts";

/** What is fetched when nothing is asked for: `convert`'s own. */
export const HUB_QUANTIZATION = "q8";
const MODEL = "model.safetensors";
const CONFIG = "config.json";
/** Files that an error names, at most. */
const NAMED = 5;

/**
 * Fetches what is needed of a repository into a folder of the cache: one file where the place names one (or the repository has but one
 * model file), else configuration, tokenizer and weights. The configuration is looked at before any weights are fetched.
 * @returns the file or folder that holds the model
 * @throws BlockFFNError subclasses, naming the file
 */
export async function fetchHub(
  client: Client,
  disk: CacheDisk,
  place: HubPlace,
  listing: Listing,
  staging: string,
  { quantize, onProgress }: OpenOptions,
): Promise<string> {
  const what = hubLocation(place);
  const fetch = new RepoFetch(client, disk, place, listing, staging, (done, total) => onProgress?.("downloading", done, total));
  const single = place.file ?? singleFile(listing, what);
  if (single !== undefined) {
    const file = fetch.known(single);
    await fetch.all([file], 0);
    return fetch.path(file);
  }
  const settings = FOLDER_FILES.flatMap(({ name, limit }) => {
    const file = listing.files.get(name);
    if (file === undefined) return [];
    if (file.size > limit)
      throw new FormatError(`has ${file.size} bytes, more than the ${limit} allowed`, { file: `${what}:${name}`, limit });
    return [file];
  });
  await fetch.all(settings, 0);
  const config = parseHfConfig(await fetch.read(CONFIG, MAX_INDEX_BYTES), `${what}:${CONFIG}`);
  const weights = WEIGHT_FILES.find((name) => listing.files.has(name));
  if (weights === undefined)
    throw new SourceError(`has no weights; looked for ${WEIGHT_FILES.join(", ")}${others(listing, what)}`, { file: what });
  const files = [fetch.known(weights)];
  if (weights.endsWith(".index.json")) {
    if (files[0]!.size > MAX_INDEX_BYTES)
      throw new FormatError(`has more than the ${MAX_INDEX_BYTES} bytes allowed`, { file: `${what}:${weights}`, limit: MAX_INDEX_BYTES });
    await fetch.all(files, 0);
    const shards = parseShardIndex(await fetch.read(weights, MAX_INDEX_BYTES), `${what}:${weights}`);
    for (const shard of new Set(shards.values())) files.push(fetch.known(shard));
  }
  await fetch.all(files, planWeights(config, quantize ?? HUB_QUANTIZATION).bytes);
  // A packed model under the usual name, beside the configuration that the hub's pages want.
  return weights === MODEL && (await packedAs(disk, `${staging}/${MODEL}`, what)) !== undefined ? `${staging}/${MODEL}` : staging;
}

/** Files of one repository on their way into one folder. */
class RepoFetch {
  readonly #client: Client;
  readonly #disk: CacheDisk;
  readonly #place: HubPlace;
  readonly #listing: Listing;
  readonly #staging: string;
  readonly #report: (done: number, total: number) => void;

  constructor(
    client: Client,
    disk: CacheDisk,
    place: HubPlace,
    listing: Listing,
    staging: string,
    report: (done: number, total: number) => void,
  ) {
    this.#client = client;
    this.#disk = disk;
    this.#place = place;
    this.#listing = listing;
    this.#staging = staging;
    this.#report = report;
  }

  /** @throws SourceError for a file that the repository does not have. */
  known(name: string): RepoFile {
    const file = this.#listing.files.get(name);
    if (file !== undefined) return file;
    const what = hubLocation({ ...this.#place, file: undefined });
    throw new NetworkError(`has no such file${others(this.#listing, what)}`, { file: `${what}:${name}`, status: 404 });
  }

  /** A file's name on the disk: folders of the repository are no folders there. */
  path({ path }: RepoFile): string {
    return `${this.#staging}/${path.split("/").at(-1) as string}`;
  }

  /** Fetches files one after the other. @param room bytes that must be free beside them */
  async all(files: readonly RepoFile[], room: number): Promise<void> {
    const total = files.reduce((sum, { size }) => sum + size, 0);
    const there = await Promise.all(files.map((file) => this.#there(file)));
    await checkRoom(this.#disk, total + room - there.reduce((sum, bytes) => sum + bytes, 0), hubLocation(this.#place));
    let before = 0;
    for (const file of files) {
      const { path, size, sha256 } = file;
      const name = this.path(file);
      if ((await this.#disk.size(name)) !== size) {
        const url = resolveUrl(this.#client.settings.endpoint, this.#place, this.#listing.commit, path);
        const what = hubLocation({ ...this.#place, file: path });
        await download(this.#client, this.#disk, name, { url, what, size, sha256 }, (done) => this.#report(before + done, total));
      }
      before += size;
      this.#report(before, total);
    }
  }

  async read(name: string, limit: number): Promise<Uint8Array> {
    const files = await this.#disk.open(`${this.#staging}/${name}`, name);
    const source = await files.open("");
    if (source === undefined) throw new SourceError("is not there any more; load it again", { file: name });
    try {
      return await readWhole(source, limit);
    } finally {
      await source.close();
    }
  }

  /** Bytes of a file that are on the disk already. */
  async #there(file: RepoFile): Promise<number> {
    const name = this.path(file);
    return Math.min(file.size, (await this.#disk.size(name)) ?? (await this.#disk.size(`${name}.part`)) ?? 0);
  }
}

/** The one model file of a repository that has no configuration. @throws SourceError when there are none, or several. */
function singleFile(listing: Listing, what: string): string | undefined {
  if (listing.files.has(CONFIG)) return undefined;
  const packed = [...listing.files.keys()].filter((path) => /^[^/]+\.safetensors$/i.test(path));
  if (packed.length === 1) return packed[0];
  throw new SourceError(`has no ${CONFIG}, which a model folder needs${others(listing, what)}`, { file: what });
}

/** Model files that could be named. */
function others({ files }: Listing, what: string): string {
  const paths = [...files.keys()].filter((path) => /\.(gguf|safetensors)$/i.test(path)).sort();
  if (paths.length === 0) return "";
  const base = what.replace(/^(hf:[^:]*):.*$/s, "$1");
  return `; its model files: ${paths
    .slice(0, NAMED)
    .map((path) => `${base}:${path}`)
    .join(", ")}${paths.length > NAMED ? ", ..." : ""}`;
}
