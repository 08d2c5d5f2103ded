import { closeSync, constants, fstatSync, openSync, read, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SourceError } from "../../src/errors.ts";
import type { ByteSource } from "../../src/format/source.ts";
import { checkPath, type Disk, type Found } from "../local-files.ts";
import { checkRange } from "../range.ts";

// What a path leads to is asked for at once, which takes microseconds: through the thread pool each question takes a third of a
// millisecond, and a model's file takes three. Contents are read in the thread pool.

/** A pipe is told by what it is when it is open, instead of waiting for its writer; files do not mind. Windows has no such flag. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Read calls take at most this much: the system's own limit is 2 GiB less a page. */
const MAX_READ = 1 << 30;

/** The local disk as models are read from it. */
export const nodeDisk: Disk = { find, names: async (path) => readdirSync(path), open: (path, name) => NodeFile.open(path, name) };

/** A path or file: URL as a path. @throws UsageError or SourceError for what is neither. */
export function localPath(location: string): string {
  checkPath(location);
  return /^file:/i.test(location) ? urlPath(location) : location;
}

function urlPath(url: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new SourceError("is not the URL of a local file", { file: url, cause });
  }
}

/** @throws SourceError for what is neither a regular file nor a folder (reading a pipe would wait forever). */
async function find(path: string): Promise<Found | undefined> {
  try {
    const found = statSync(path, { bigint: true });
    if (found.isFile() || found.isDirectory())
      return { kind: found.isFile() ? "file" : "folder", version: `${found.size} ${found.mtimeNs} ${found.ino}` };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw sourceError(path, cause);
  }
  throw new SourceError("is neither a file nor a folder", { file: path });
}

/** What the system's codes mean for the user, in reading and writing. */
const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file; check the path",
  EISDIR: "is a folder; a file is needed here",
  EACCES: "may not be read or written; check its permissions",
  EPERM: "may not be read or written; check its permissions",
  ENOTDIR: "a part of this path is a file, not a folder",
  ENOSPC: "the disk is full; make room, or write to another one",
  EDQUOT: "the disk quota is used up; make room, or write to another disk",
  EROFS: "its file system can only be read; write to another place",
  EFBIG: "the system allows no larger file here (see ulimit -f)",
  EMFILE: "too many open files; close some or raise the limit (ulimit -n)",
  EIO: "the disk reports an error",
  ELOOP: "links lead in a circle",
  ENAMETOOLONG: "the name is too long",
};

/** Says what a failed read means for the user. */
export function sourceError(file: string, cause: unknown): SourceError {
  return fileError(file, cause, "read");
}

/** Says what a failed write, or a folder that cannot be made, means for the user. */
export function writeError(file: string, cause: unknown): SourceError {
  return fileError(file, cause, "written");
}

function fileError(file: string, cause: unknown, done: "read" | "written"): SourceError {
  const { code = "", message = String(cause) } = cause as NodeJS.ErrnoException;
  return new SourceError(MEANINGS[code] ?? `cannot be ${done}: ${message}`, { file, cause });
}

/** A file of the local disk, read in ranges. */
export class NodeFile implements ByteSource {
  readonly name: string;
  readonly size: number;
  /** undefined when closed: the number may then be another file's. */
  #descriptor: number | undefined;

  private constructor(name: string, size: number, descriptor: number) {
    this.name = name;
    this.size = size;
    this.#descriptor = descriptor;
  }

  /** @param name what errors call it. @throws SourceError when it cannot be opened or is no regular file. */
  static async open(path: string, name = path): Promise<NodeFile> {
    let descriptor: number;
    try {
      descriptor = openSync(path, READ);
    } catch (cause) {
      throw sourceError(name, cause);
    }
    try {
      const found = fstatSync(descriptor);
      if (!found.isFile()) throw new SourceError("is not a regular file; a file is needed here", { file: name });
      return new NodeFile(name, found.size, descriptor);
    } catch (error) {
      closeSync(descriptor);
      throw error instanceof SourceError ? error : sourceError(name, error);
    }
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    checkRange(this, offset, target.length);
    let done = 0;
    while (done < target.length) {
      const bytesRead = await this.#read(target, done, offset + done);
      if (bytesRead === 0) throw new SourceError("became shorter while it was read", { file: this.name });
      done += bytesRead;
    }
  }

  #read(target: Uint8Array, at: number, position: number): Promise<number> {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) throw new SourceError("is closed", { file: this.name });
    return new Promise((resolve, reject) => {
      read(descriptor, target, at, Math.min(MAX_READ, target.length - at), position, (cause, bytesRead) => {
        if (cause === null) resolve(bytesRead);
        else reject(sourceError(this.name, cause));
      });
    });
  }

  async close(): Promise<void> {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
