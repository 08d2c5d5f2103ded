import { SourceError } from "../../src/errors.ts";
import type { ByteSource } from "../../src/format/source.ts";
import { checkPath, type Disk, type Found } from "../local-files.ts";
import { checkRange } from "../range.ts";
import { filePath } from "./package.ts";
import { deno, type DenoFile } from "./runtime.ts";

/** The local disk as models are read from it. */
export const denoDisk: Disk = { find, names, open: (path, name) => LocalFile.open(path, name) };

/** A path or file: URL as a path. @throws UsageError or SourceError for what is neither. */
export function localPath(location: string): string {
  checkPath(location);
  if (/^file:\/\/\//i.test(location)) return filePath(new URL(location));
  if (/^file:/i.test(location)) throw new SourceError("is not the URL of a local file", { file: location });
  return location;
}

/** @throws SourceError for what is neither a regular file nor a folder (reading a pipe would wait forever). */
async function find(path: string): Promise<Found | undefined> {
  try {
    const { isFile, isDirectory, size, mtime, ino } = await deno.stat(path);
    if (isFile || isDirectory) return { kind: isFile ? "file" : "folder", version: `${size} ${mtime?.getTime()} ${ino}` };
  } catch (cause) {
    if (cause instanceof deno.errors.NotFound || /ENOTDIR|not a directory/i.test(String(cause))) return undefined;
    throw sourceError(path, cause);
  }
  throw new SourceError("is neither a file nor a folder", { file: path });
}

async function names(path: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of deno.readDir(path)) found.push(name);
  return found;
}

/** Says what a failed file operation means for the user. */
export function sourceError(file: string, cause: unknown): SourceError {
  const { errors } = deno;
  if (cause instanceof errors.NotFound) return new SourceError("there is no such file; check the path", { file, cause });
  if (cause instanceof errors.NotCapable) return new SourceError(`Deno may not read it: run with --allow-read=${file}`, { file, cause });
  if (cause instanceof errors.PermissionDenied) return new SourceError("may not be read; check its permissions", { file, cause });
  return new SourceError(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { file, cause });
}

/** Says what a failed write means for the user. Deno tells the system's code in words. */
export function writeError(file: string, cause: unknown): SourceError {
  const { code, message } = cause as { readonly code?: string; readonly message?: string };
  if (code === "ENOSPC" || /os error 28\b/.test(message ?? ""))
    return new SourceError("the disk is full; make room, or write to another one", { file, cause });
  return new SourceError(`cannot be written: ${message ?? String(cause)}`, { file, cause });
}

/** A file of the local disk, read in ranges. */
class LocalFile implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #file: DenoFile;

  private constructor(name: string, size: number, file: DenoFile) {
    this.name = name;
    this.size = size;
    this.#file = file;
  }

  static async open(path: string, name: string): Promise<LocalFile> {
    try {
      const { size } = await deno.stat(path);
      return new LocalFile(name, size, await deno.open(path));
    } catch (cause) {
      throw sourceError(name, cause);
    }
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    checkRange(this, offset, target.length);
    let done = 0;
    try {
      // Seeking and reading are two calls here, so nothing may come between them.
      this.#file.seekSync(offset, deno.SeekMode.Start);
      while (done < target.length) {
        const count = this.#file.readSync(target.subarray(done)) ?? 0;
        if (count === 0) throw new SourceError("became shorter while it was read", { file: this.name });
        done += count;
      }
    } catch (cause) {
      throw cause instanceof SourceError ? cause : sourceError(this.name, cause);
    }
  }

  async close(): Promise<void> {
    this.#file.close();
  }
}
