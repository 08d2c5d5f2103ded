import { FormatError, SourceError, UsageError } from "../errors.ts";
import { readRange } from "../format/bytes.ts";
import { isGguf } from "../format/gguf/header.ts";
import { checksumOf } from "../format/packed/checksums.ts";
import { openPacked } from "../format/packed/packed.ts";
import type { ModelFiles } from "../format/source.ts";

/** What `verifyModel` went through. */
export interface Verification {
  /** Stretches of the file that have a checksum, and their bytes. */
  readonly runs: number;
  readonly bytes: number;
}

/**
 * Compares every checksum of a packed file, those of sections that this build does not know included.
 * @throws FormatError for the first stretch that is damaged, naming part and expert; UsageError for what has no checksums.
 */
export async function verifyModel(files: ModelFiles, onProgress?: (done: number, total: number) => void): Promise<Verification> {
  if (!files.single) throw new UsageError("is a folder; packed files alone have checksums", { file: files.name });
  const source = await files.open("");
  if (source === undefined) throw new SourceError("there is no such file", { file: files.name });
  try {
    if (await isGguf(source)) throw new UsageError("is a GGUF file; packed files alone have checksums", { file: files.name });
    const { checksums } = await openPacked(source);
    if (checksums === undefined) {
      throw new FormatError("is of a format without checksums; convert it again to have them", {
        file: files.name,
        field: "blockffn.version",
      });
    }
    const total = checksums.runs.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    for (const run of checksums.runs) {
      checksums.compare(run, checksumOf(await readRange(source, run.offset, run.bytes, run.part)));
      onProgress?.((done += run.bytes), total);
    }
    return { runs: checksums.runs.length, bytes: total };
  } finally {
    await source.close();
  }
}
