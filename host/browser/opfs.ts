/** The parts of the origin private file system that TypeScript's DOM types leave out: only workers have them. */
export interface SyncHandle {
  write(data: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}

type WorkerFile = FileSystemFileHandle & { createSyncAccessHandle?(): Promise<SyncHandle> };

/** A folder of this origin; undefined where there is none (no secure context, private windows, file: pages). */
export async function openFolder(name: string): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
  } catch {
    return undefined;
  }
}

/** A new file to write; undefined outside workers, and where the browser refuses. */
export async function createFile(folder: FileSystemDirectoryHandle, name: string): Promise<SyncHandle | undefined> {
  try {
    const file: WorkerFile = await folder.getFileHandle(name, { create: true });
    return await file.createSyncAccessHandle?.();
  } catch {
    return undefined;
  }
}

/** A file as it is now; undefined when it is not there. */
export async function readFile(folder: FileSystemDirectoryHandle, name: string): Promise<File | undefined> {
  try {
    return await (await folder.getFileHandle(name)).getFile();
  } catch {
    return undefined;
  }
}

/** Removes a file if it is there; one that is being written stays. */
export async function removeFile(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  await folder.removeEntry(name).catch(() => undefined);
}

/** Names of all files of a folder. */
export async function fileNames(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
  return names;
}

/** Writes all of it. @throws when the disk or the quota is full. */
export function writeAll(handle: SyncHandle, bytes: Uint8Array, at: number): void {
  const written = handle.write(bytes, { at });
  if (written !== bytes.length) throw new DOMException("only a part was written", "QuotaExceededError");
}

/** SHA-256 in hex. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
