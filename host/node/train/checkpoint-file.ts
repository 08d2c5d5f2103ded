import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openSafetensors } from "../../../src/format/safetensors/safetensors.ts";
import type { ByteSource } from "../../../src/format/source.ts";
import { isCheckpoint } from "../../../train/run/checkpoint.ts";
import type { RunStore } from "../../../train/run/loop.ts";
import { NodeFile } from "../files.ts";
import { writeParts } from "../output.ts";
import { LOCK, lockFolder } from "./folder-lock.ts";

export const CHECKPOINT = "checkpoint.safetensors";

/** checkpoint.safetensors in a folder. */
export class CheckpointFile implements Pick<RunStore, "lock" | "readCheckpoint" | "writeCheckpoint"> {
  readonly #folder: string;
  readonly #path: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = join(folder, CHECKPOINT);
  }

  lock(): Promise<() => Promise<void>> {
    return lockFolder(this.#folder);
  }

  async readCheckpoint(): Promise<ByteSource | undefined> {
    return (await stat(this.#path).catch(() => undefined)) === undefined ? undefined : NodeFile.open(this.#path);
  }

  async writeCheckpoint(parts: readonly Uint8Array[]): Promise<void> {
    await writeParts(this.#path, parts);
  }
}

/**
 * Whether somebody trains in a folder or has trained there: there is a checkpoint, a run before its first one, or what a killed one left.
 */
export async function hasTrained(folder: string): Promise<boolean> {
  if (await exists(join(folder, LOCK))) return true;
  const path = join(folder, CHECKPOINT);
  if (!(await exists(path))) return false;
  const file = await NodeFile.open(path);
  try {
    return isCheckpoint(await openSafetensors(file));
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
