import { randomBytes } from "node:crypto";
import { unlinkSync } from "node:fs";
import { open, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { SourceError } from "../../src/errors.ts";
import { writeError } from "./files.ts";

/** What is being written: a process that is told to end at once takes it along. */
const unfinished = new Set<string>();

function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      unlinkSync(path);
    } catch {
      // It is gone, or may not be removed any more.
    }
  }
}

/** A file that appears whole or not at all: written beside its place, then renamed into it. */
export class OutputFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #end = 0;
  #open = true;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /** @throws SourceError when the folder is missing, may not be written, or `path` is a folder itself. */
  static async create(path: string): Promise<OutputFile> {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && !found.isFile()) throw new SourceError("exists and is not a file; give another name", { file: path });
    const folder = dirname(path);
    const parent = await stat(folder).catch(() => undefined);
    if (parent?.isDirectory() !== true) throw new SourceError(`there is no folder ${folder}; create it first`, { file: path });
    const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
    if (unfinished.size === 0 && !process.listeners("exit").includes(removeUnfinished)) process.on("exit", removeUnfinished);
    unfinished.add(temporary);
    try {
      return new OutputFile(path, temporary, await open(temporary, "wx"));
    } catch (cause) {
      unfinished.delete(temporary);
      throw writeError(path, cause);
    }
  }

  /** Bytes from the start to the end of what was written. */
  get size(): number {
    return this.#end;
  }

  /** Writes at `offset` (default: the end); what lies between reads as zeros. */
  async write(bytes: Uint8Array, offset = this.#end): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await this.#handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
      }
    } catch (cause) {
      throw writeError(this.path, cause);
    }
    this.#end = Math.max(this.#end, offset + bytes.length);
  }

  /** Puts the file into its place. */
  async commit(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#close();
      await rename(this.#temporary, this.path);
      unfinished.delete(this.#temporary);
    } catch (cause) {
      await this.discard();
      throw writeError(this.path, cause);
    }
  }

  /** Removes what was written; nothing happens after `commit`. */
  async discard(): Promise<void> {
    await this.#close().catch(() => undefined);
    if (unfinished.delete(this.#temporary)) await unlink(this.#temporary).catch(() => undefined);
  }

  async #close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close();
  }
}

/** Writes a file atomically through `fill`; on failure nothing is left behind. */
export async function writeFileAtomically<T>(path: string, fill: (file: OutputFile) => Promise<T>): Promise<T> {
  const file = await OutputFile.create(path);
  try {
    const result = await fill(file);
    await file.commit();
    return result;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Writes a file atomically, part after part. */
export async function writeParts(path: string, parts: readonly Uint8Array[]): Promise<void> {
  await writeFileAtomically(path, async (file) => {
    for (const part of parts) await file.write(part);
  });
}
