import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { LimitError } from "../../src/errors.ts";
import type { FileSink } from "../../src/format/packed/write.ts";
import type { ModelFiles } from "../../src/format/source.ts";
import type { CacheDisk, PartFile } from "../../src/hub/disk.ts";
import { pauseFor } from "../../src/hub/waiting.ts";
import { openLocal, type Disk } from "../local-files.ts";
import { sourceError, writeError } from "./files.ts";
import { tryLock } from "./lock-file.ts";
import { writeFileAtomically } from "./output.ts";

const HASH_BYTES = 1 << 20;
/** How often a lock that another process has is looked at, in milliseconds. */
const LOCK_MS = 100;
/** Fetched models may be private. */
const OWN = { recursive: true, mode: 0o700 } as const;

/** The cache on a local disk; for Deno, too, by its node:fs. */
export class FolderCache implements CacheDisk {
  readonly root: string;
  readonly #disk: Disk;

  /** @param root the cache's folder, which need not be there. @param disk reads models */
  constructor(root: string, disk: Disk) {
    this.root = root;
    this.#disk = disk;
  }

  path(name: string): string {
    return join(this.root, ...name.split("/"));
  }

  async size(name: string): Promise<number | undefined> {
    const found = await this.#read(name, (path) => stat(path));
    return found?.isFile() === true ? found.size : undefined;
  }

  async read(name: string, limit: number): Promise<Uint8Array | undefined> {
    const size = await this.size(name);
    if (size !== undefined && size > limit) throw new LimitError(`has more than ${limit} bytes`, { file: this.path(name), limit });
    return size === undefined ? undefined : this.#read(name, (path) => readFile(path));
  }

  async write<T>(name: string, fill: (sink: FileSink) => Promise<T>): Promise<T> {
    return writeFileAtomically(await this.#place(name), (file) => fill((bytes) => file.write(bytes)));
  }

  async part(name: string): Promise<PartFile> {
    const path = await this.#place(name);
    return this.#written(path, async () => new Part(path, await open(path, "a")).measured());
  }

  async sha256(name: string): Promise<string> {
    const hash = createHash("sha256");
    const path = this.path(name);
    try {
      const file = await open(path, "r");
      try {
        const buffer = new Uint8Array(HASH_BYTES);
        for (let bytes = 1; bytes > 0;) {
          bytes = (await file.read(buffer, 0, buffer.length)).bytesRead;
          hash.update(buffer.subarray(0, bytes));
        }
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw sourceError(path, cause);
    }
    return hash.digest("hex");
  }

  async move(from: string, to: string): Promise<void> {
    const path = await this.#place(to);
    await this.#written(path, () => rename(this.path(from), path));
  }

  async remove(name: string): Promise<void> {
    const path = this.path(name);
    await this.#written(path, () => rm(path, { recursive: true, force: true }));
  }

  async names(folder: string): Promise<readonly string[]> {
    return (await this.#read(folder, (path) => readdir(path))) ?? [];
  }

  async free(): Promise<number | undefined> {
    try {
      await mkdir(this.root, OWN);
      const { bavail, bsize } = await statfs(this.root);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  }

  async lock(name: string, onWait: (holder: string) => void, signal?: AbortSignal): Promise<() => Promise<void>> {
    const path = await this.#place(name);
    for (let waits = false; ; waits = true) {
      const attempt = await this.#written(path, () => tryLock(path));
      if ("release" in attempt) return attempt.release;
      if (!waits) onWait(`${attempt.holder} (if there is no such process any more, remove ${path})`);
      await pauseFor(LOCK_MS, signal);
    }
  }

  open(name: string, called: string): Promise<ModelFiles> {
    return openLocal(this.#disk, called, this.path(name));
  }

  /** Where a file is to be written: its folder is there. */
  async #place(name: string): Promise<string> {
    const path = this.path(name);
    await this.#written(path, () => mkdir(dirname(path), OWN));
    return path;
  }

  async #written<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      throw writeError(path, cause);
    }
  }

  /** undefined where nothing is. */
  async #read<T>(name: string, work: (path: string) => Promise<T>): Promise<T | undefined> {
    const path = this.path(name);
    try {
      return await work(path);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw sourceError(path, cause);
    }
  }
}

class Part implements PartFile {
  readonly #path: string;
  readonly #file: FileHandle;
  #size = 0;

  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  async measured(): Promise<this> {
    this.#size = (await this.#file.stat()).size;
    return this;
  }

  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done);
        done += bytesWritten;
        this.#size += bytesWritten;
      }
    } catch (cause) {
      throw writeError(this.#path, cause);
    }
  }

  async clear(): Promise<void> {
    if (this.#size === 0) return;
    try {
      await this.#file.truncate(0);
    } catch (cause) {
      throw writeError(this.#path, cause);
    }
    this.#size = 0;
  }

  async close(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (cause) {
      // Some file systems have no such call.
      if (!["EINVAL", "ENOTSUP", "ENOSYS"].includes((cause as NodeJS.ErrnoException).code ?? "")) throw writeError(this.#path, cause);
    } finally {
      await this.#file.close();
    }
  }
}
