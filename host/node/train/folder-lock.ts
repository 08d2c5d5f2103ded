import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { TrainingError } from "../../../src/errors.ts";
import { writeError } from "../files.ts";
import { tryLock, type Attempt } from "../lock-file.ts";

/** It stands in a run's folder while somebody trains there, and after a process that was killed. */
export const LOCK = "train.lock";

/**
 * Makes sure that one process at a time trains in a folder. A lock whose process is gone is taken over.
 * @returns gives the lock back
 * @throws TrainingError when another run has it; SourceError when the folder may not be written.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  let path = join(folder, LOCK);
  let attempt: Attempt;
  try {
    path = join(await realpath(folder), LOCK);
    attempt = await tryLock(path);
  } catch (cause) {
    throw writeError(path, cause);
  }
  if ("release" in attempt) return attempt.release;
  throw new TrainingError(
    `another run trains in this folder (${attempt.holder}); wait for it or give this one another folder. ` +
      "If there is no such process any more, remove the file",
    { file: path },
  );
}
