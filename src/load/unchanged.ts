import type { ModelFiles } from "../format/source.ts";

/**
 * Does what needs files that stay as they are. One that changes meanwhile may be taken for a damaged one, or its parts for parts of one
 * model, so the change is what is told.
 * @throws SourceError for a file that changed; else what `work` throws.
 */
export async function whileUnchanged<T>(files: ModelFiles, work: () => Promise<T>, undo: (made: T) => void = () => undefined): Promise<T> {
  let made: T;
  try {
    made = await work();
  } catch (error) {
    await files.unchanged?.();
    throw error;
  }
  try {
    await files.unchanged?.();
  } catch (error) {
    undo(made);
    throw error;
  }
  return made;
}
