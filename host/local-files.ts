import { SourceError, UsageError } from "../src/errors.ts";
import type { ByteSource, ModelFiles } from "../src/format/source.ts";

/** What a path leads to. */
export interface Found {
  readonly kind: "file" | "folder";
  /** Differs where a file was written or replaced: its size, its time and, where the system has one, its number. */
  readonly version: string;
}

/** What is needed of a runtime's local disk. All throw SourceError for what may not be read. */
export interface Disk {
  /** undefined when nothing is there; throws for what is neither a regular file nor a folder (reading a pipe would wait forever). */
  find(path: string): Promise<Found | undefined>;
  /** Names of what lies in a folder. */
  names(path: string): Promise<readonly string[]>;
  /** @param name what errors call the file */
  open(path: string, name: string): Promise<ByteSource>;
}

/**
 * Opens a model on the local disk: a folder in the Hugging Face layout, or a packed file. Links are followed: the Hugging Face cache is
 * made of them.
 * @param location as the user gave it
 * @param path of it on the disk
 * @throws SourceError when there is neither, or it may not be read.
 */
export async function openLocal(disk: Disk, location: string, path: string): Promise<ModelFiles> {
  const found = await disk.find(path);
  if (found === undefined)
    throw new SourceError("there is no such file or folder; give a packed model or a folder with config.json", { file: location });
  const versions = new Map<string, { readonly name: string; readonly version: string }>();
  const open = (file: string, name: string, { version }: Found): Promise<ByteSource> => {
    if (!versions.has(file)) versions.set(file, { name, version });
    return disk.open(file, name);
  };
  const unchanged = async (): Promise<void> => {
    for (const [file, { name, version }] of versions) {
      if ((await disk.find(file))?.version !== version)
        throw new SourceError("was written or replaced while it was read; load it again", { file: name });
    }
  };
  if (found.kind === "file")
    return { name: location, single: true, unchanged, open: async (name) => (name === "" ? open(path, location, found) : undefined) };
  const inside = (folder: string, name: string): string => `${folder.replace(/[/\\]+$/, "")}/${name}`;
  return {
    name: location,
    single: false,
    unchanged,
    names: () => disk.names(path),
    async open(name) {
      // Names come from untrusted index files: only a file directly in the folder is meant.
      if (name === "" || name === "." || name === ".." || /[/\\:\0]/.test(name)) {
        throw new SourceError(`${JSON.stringify(name)} is not the name of a file directly in the model folder`, { file: location });
      }
      const file = inside(path, name);
      const there = await disk.find(file);
      return there?.kind === "file" ? open(file, inside(location, name), there) : undefined;
    },
  };
}

/** @throws UsageError for an empty path; SourceError for one that no runtime takes. */
export function checkPath(location: string): void {
  if (location === "") throw new UsageError("the path is empty; give a packed model or a folder with config.json");
  if (location.includes("\0")) throw new SourceError("a path cannot hold a NUL character", { file: location.replaceAll("\0", "\\0") });
}
