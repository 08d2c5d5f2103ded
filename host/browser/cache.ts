import { SourceError } from "../../src/errors.ts";
import type { Download } from "../web/download.ts";
import { BLOCK_BYTES, parseEntry, type CacheEntry } from "./cache-entry.ts";
import { CacheWriter } from "./cache-writer.ts";
import { createFile, fileNames, openFolder, readFile, removeFile, sha256 } from "./opfs.ts";

const FOLDER = "blockffn-models";

/** Bytes in the cache are not those that were put there. */
export class DamagedCacheError extends SourceError {}

/** A file of the cache: its entry, and the data as a stream that checks them. */
export interface Cached {
  readonly entry: CacheEntry;
  stream(): ReadableStream<Uint8Array>;
}

/** Models that were fetched before, in the origin private file system: for each URL the latest version. */
export class ModelCache {
  readonly #folder: FileSystemDirectoryHandle;

  private constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  /** undefined where the browser keeps no files. */
  static async open(): Promise<ModelCache | undefined> {
    const folder = await openFolder(FOLDER);
    return folder === undefined ? undefined : new ModelCache(folder);
  }

  /** What is there for a URL; undefined when nothing is, or not all of it. */
  async find(url: string): Promise<Cached | undefined> {
    const json = await readFile(this.#folder, `${await keyOf(url)}.json`);
    const entry = json === undefined ? undefined : parseEntry(await json.text(), url);
    const data = entry === undefined ? undefined : await readFile(this.#folder, entry.data);
    if (entry === undefined || data?.size !== entry.size) return undefined;
    return { entry, stream: () => checkedStream(data, entry) };
  }

  /** The download's stream, kept on its way where that can be done: the cache then has it once it was read to its end. */
  async keep(download: Download): Promise<ReadableStream<Uint8Array>> {
    const key = await keyOf(download.url);
    await this.#remove(key);
    const data = `${key}.${crypto.randomUUID()}`;
    const handle = await createFile(this.#folder, data);
    if (handle === undefined) {
      await removeFile(this.#folder, data);
      return download.stream;
    }
    return new CacheWriter(this.#folder, handle, `${key}.json`, data, download).stream();
  }

  async remove(url: string): Promise<void> {
    await this.#remove(await keyOf(url));
  }

  async clear(): Promise<void> {
    await this.#remove("");
  }

  async #remove(prefix: string): Promise<void> {
    for (const name of await fileNames(this.#folder)) if (name.startsWith(prefix)) await removeFile(this.#folder, name);
  }
}

function keyOf(url: string): Promise<string> {
  return sha256(new TextEncoder().encode(url));
}

/** The data block by block, each compared with its digest before it is given on. */
function checkedStream(data: File, { digests, url }: CacheEntry): ReadableStream<Uint8Array> {
  let block = 0;
  const read = async (): Promise<Uint8Array> => {
    const part = data.slice(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
    const bytes = new Uint8Array(
      await part.arrayBuffer().catch((cause: unknown) => {
        throw new DamagedCacheError("the cached copy cannot be read", { file: url, cause });
      }),
    );
    if ((await sha256(bytes)) !== digests[block]) throw new DamagedCacheError("the cached copy is damaged", { file: url });
    block++;
    return bytes;
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (block === digests.length) controller.close();
      else controller.enqueue(await read());
    },
  });
}
