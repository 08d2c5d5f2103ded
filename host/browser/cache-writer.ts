import type { Download } from "../web/download.ts";
import { BLOCK_BYTES, type CacheEntry } from "./cache-entry.ts";
import { createFile, removeFile, sha256, writeAll, type SyncHandle } from "./opfs.ts";

/** Writes a download into the cache while somebody else reads it. A full disk ends the writing, not the reading. */
export class CacheWriter {
  readonly #folder: FileSystemDirectoryHandle;
  readonly #entryName: string;
  readonly #dataName: string;
  readonly #download: Download;
  readonly #digests: Promise<string>[] = [];
  #handle: SyncHandle | undefined;
  #block = new Uint8Array(BLOCK_BYTES);
  #filled = 0;
  #written = 0;

  constructor(folder: FileSystemDirectoryHandle, handle: SyncHandle, entryName: string, dataName: string, download: Download) {
    this.#folder = folder;
    this.#handle = handle;
    this.#entryName = entryName;
    this.#dataName = dataName;
    this.#download = download;
  }

  /** The download's stream. Read to its end it is in the cache; cancelled or broken, nothing is left of it. */
  stream(): ReadableStream<Uint8Array> {
    const reader = this.#download.stream.getReader();
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read().catch(async (error: unknown) => {
            await this.#drop();
            throw error;
          });
          if (done) {
            await this.#finish();
            return controller.close();
          }
          await this.#add(value);
          controller.enqueue(value);
        },
        cancel: async (reason) => {
          await this.#drop();
          await reader.cancel(reason);
        },
      },
      { highWaterMark: 0 },
    );
  }

  async #add(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length && this.#handle !== undefined;) {
      const part = chunk.subarray(at, at + BLOCK_BYTES - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === BLOCK_BYTES) await this.#writeBlock();
    }
  }

  async #writeBlock(): Promise<void> {
    const block = this.#block.subarray(0, this.#filled);
    try {
      writeAll(this.#handle as SyncHandle, block, this.#written);
    } catch {
      return this.#drop();
    }
    this.#digests.push(sha256(block));
    this.#written += block.length;
    this.#filled = 0;
  }

  async #finish(): Promise<void> {
    if (this.#handle !== undefined && this.#filled > 0) await this.#writeBlock();
    const { url, version, size } = this.#download;
    if (this.#handle === undefined || this.#written !== size) return this.#drop();
    const entry: CacheEntry = { url, version, size, data: this.#dataName, digests: await Promise.all(this.#digests) };
    try {
      this.#handle.flush();
      this.#handle.close();
      this.#handle = undefined;
      await this.#writeEntry(new TextEncoder().encode(JSON.stringify(entry)));
    } catch {
      await this.#drop();
    }
  }

  async #writeEntry(json: Uint8Array): Promise<void> {
    const file = await createFile(this.#folder, this.#entryName);
    if (file === undefined) throw new Error("another tab writes it");
    try {
      writeAll(file, json, 0);
      file.flush();
    } finally {
      file.close();
    }
  }

  async #drop(): Promise<void> {
    this.#handle?.close();
    this.#handle = undefined;
    await removeFile(this.#folder, this.#dataName);
  }
}
