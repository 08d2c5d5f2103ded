import type { FileSink } from "../format/packed/write.ts";
import type { ModelFiles } from "../format/source.ts";

/** A file that grows at its end. */
export interface PartFile {
  readonly size: number;
  append(bytes: Uint8Array): Promise<void>;
  /** Throws away what is there. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/**
 * What the cache needs of a disk. Names are relative to the cache's folder, their parts plain and separated by "/". All throw SourceError
 * for what cannot be read or written; folders are made when something is written into them.
 */
export interface CacheDisk {
  /** The cache's folder, as people are told of it. */
  readonly root: string;
  /** Where a file lies, for other programs. */
  path(name: string): string;
  /** Bytes of a file; undefined when there is none. */
  size(name: string): Promise<number | undefined>;
  /** A small file as a whole; undefined when there is none. @throws LimitError beyond `limit` bytes. */
  read(name: string, limit: number): Promise<Uint8Array | undefined>;
  /** Writes a file that appears whole or not at all. */
  write<T>(name: string, fill: (sink: FileSink) => Promise<T>): Promise<T>;
  /** Opens a file to go on at its end. */
  part(name: string): Promise<PartFile>;
  /** SHA-256 of a file, as 64 hexadecimal digits. */
  sha256(name: string): Promise<string>;
  move(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all it has; nothing happens when there is none. */
  remove(name: string): Promise<void>;
  /** What lies in a folder; nothing when there is none. */
  names(folder: string): Promise<readonly string[]>;
  /** Bytes that may still be written; undefined where the system does not tell. */
  free(): Promise<number | undefined>;
  /**
   * Keeps other processes, and other calls of this one, from a piece of work. A lock of a process that is gone is taken over.
   * @param onWait called once with who has it, when it must be waited for
   * @returns gives it back
   */
  lock(name: string, onWait: (holder: string) => void, signal?: AbortSignal): Promise<() => Promise<void>>;
  /** Opens a model: a packed file, or a folder. @param called its name for errors and reports */
  open(name: string, called: string): Promise<ModelFiles>;
}
