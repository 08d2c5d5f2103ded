import type { Quantization } from "../architecture/quantization.ts";

/** One file that can be read in ranges. Each host implements it over its own files, URLs or buckets. */
export interface ByteSource {
  /** Name for error messages. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /** True for a stream: ranges must ascend, and nothing is read twice. Only packed files are read so. */
  readonly sequential?: boolean;
  /**
   * Fills `target` with the bytes from `offset` on.
   * @throws SourceError when the range is not inside the file or the read fails.
   */
  readInto(offset: number, target: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** What a model is loaded from: a folder in the Hugging Face layout, or one packed file. */
export interface ModelFiles {
  /** Name for error messages (the path or URL the user gave). */
  readonly name: string;
  /** True when `name` is one file; it is then opened with `open("")`. */
  readonly single: boolean;
  /** Opens a file by its name inside the folder; undefined when it is not there. */
  open(path: string): Promise<ByteSource | undefined>;
  /** @throws SourceError when a file that was opened is not what it was any more: its size, its time or, of a URL, its ETag. */
  unchanged?(): Promise<void>;
  /** Names of what lies directly in the folder, where that can be told. */
  names?(): Promise<readonly string[]>;
}

/** What a host may need to know when it opens a model that it has to fetch first. */
export interface OpenOptions {
  /** Weight type that fetched weights are packed with for the cache; default: that of `convert`. What is packed already stays as it is. */
  readonly quantize?: Quantization | undefined;
  /** Called with what is done ("downloading", "packing") and how much of it, in bytes. */
  readonly onProgress?: ((what: string, done: number, total: number) => void) | undefined;
  /** Called with what a user should know: that a model changed, that another process is waited for. */
  readonly onNote?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}
