import type { Quantization } from "../architecture/quantization.ts";
import { LimitError, SourceError } from "../errors.ts";
import { isPacked, openPacked } from "../format/packed/packed.ts";
import { openSafetensors } from "../format/safetensors/safetensors.ts";
import type { OpenOptions } from "../format/source.ts";
import { quantizationOf } from "../architecture/plan.ts";
import { convertModel } from "../load/convert.ts";
import type { CacheDisk } from "./disk.ts";
import { CACHE } from "./settings.ts";

/** Makes sure, as far as the system tells, that what is to be written has room. @throws LimitError */
export async function checkRoom(disk: CacheDisk, bytes: number, what: string): Promise<void> {
  const free = await disk.free();
  if (free === undefined || bytes <= free) return;
  throw new LimitError(
    `needs ${bytes} bytes more on the disk of ${disk.root}, which has ${free}: make room, or set ${CACHE} to a folder elsewhere`,
    { file: what, limit: free },
  );
}

/**
 * Makes a model of the cache from what was fetched: what is packed already takes its place as it is, anything else is packed.
 * @param staged file, or folder in the Hugging Face layout
 * @param target the packed file's name in the cache
 * @param what the model's name for errors
 */
export async function packStaged(
  disk: CacheDisk,
  staged: string,
  target: string,
  what: string,
  { quantize, onProgress, signal }: OpenOptions,
): Promise<Quantization> {
  const packed = await packedAs(disk, staged, what);
  if (packed !== undefined) {
    await disk.move(staged, target);
    return packed;
  }
  const files = await disk.open(staged, what);
  const { quantization } = await disk.write(target, (sink) =>
    convertModel(files, quantize, sink, (done, total) => {
      signal?.throwIfAborted();
      onProgress?.("packing", done, total);
    }),
  );
  return quantization;
}

/** How a file is packed; undefined when it is not, or is a folder. */
export async function packedAs(disk: CacheDisk, staged: string, what: string): Promise<Quantization | undefined> {
  const files = await disk.open(staged, what);
  if (!files.single) return undefined;
  const source = await files.open("");
  if (source === undefined) throw new SourceError("is not there any more; load it again", { file: what });
  try {
    const packed = await openSafetensors(source).then(isPacked, () => false);
    return packed ? quantizationOf((await openPacked(source)).plan) : undefined;
  } finally {
    await source.close();
  }
}
