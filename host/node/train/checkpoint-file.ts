import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "../../../src/format/source.ts";
import type { RunStore } from "../../../train/run/loop.ts";
import { NodeFile } from "../files.ts";
import { writeParts } from "../output.ts";

/** checkpoint.safetensors in a folder. */
export class CheckpointFile implements Pick<RunStore, "readCheckpoint" | "writeCheckpoint"> {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = join(folder, "checkpoint.safetensors");
  }

  async readCheckpoint(): Promise<ByteSource | undefined> {
    return (await stat(this.#path).catch(() => undefined)) === undefined ? undefined : NodeFile.open(this.#path);
  }

  async writeCheckpoint(parts: readonly Uint8Array[]): Promise<void> {
    await writeParts(this.#path, parts);
  }
}
