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
