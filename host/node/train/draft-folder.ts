import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "../../../src/format/source.ts";
import type { RunStore } from "../../../src/train/run/loop.ts";
import { NodeFile } from "../files.ts";
import { writeFileAtomically } from "../output.ts";

/** Where a draft head is trained: its checkpoint lies beside the head. */
export class DraftFolder implements Pick<RunStore, "readCheckpoint" | "writeCheckpoint"> {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = join(folder, "checkpoint.safetensors");
  }

  async readCheckpoint(): Promise<ByteSource | undefined> {
    return (await stat(this.#path).catch(() => undefined)) === undefined ? undefined : NodeFile.open(this.#path);
  }

  async writeCheckpoint(parts: readonly Uint8Array[]): Promise<void> {
    await writeFileAtomically(this.#path, async (file) => {
      for (const part of parts) await file.write(part);
    });
  }
}
