import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { HEAD_FILES, type DraftStore } from "../../../train/draft/run.ts";
import type { OutputParts } from "../../../train/run/model-folder.ts";
import { writeError } from "../files.ts";
import { writeParts } from "../output.ts";
import { CHECKPOINT, CheckpointFile, hasTrained } from "./checkpoint-file.ts";

/** Where a draft head is trained: its files, and its checkpoint beside them. */
export class DraftFolder extends CheckpointFile implements DraftStore {
  /** What is written there. */
  static readonly files: readonly string[] = [CHECKPOINT, ...HEAD_FILES];

  readonly path: string;

  /** Whether a head is or was trained there. */
  static recognises(folder: string): Promise<boolean> {
    return hasTrained(folder);
  }

  private constructor(path: string) {
    super(path);
    this.path = path;
  }

  /** Makes the folder where it is not there. @throws SourceError. */
  static async open(path: string): Promise<DraftFolder> {
    try {
      await mkdir(path, { recursive: true });
    } catch (cause) {
      throw writeError(path, cause);
    }
    return new DraftFolder(path);
  }

  async writeHead(files: readonly OutputParts[]): Promise<void> {
    for (const { name, parts } of files) await writeParts(join(this.path, name), parts);
  }
}
