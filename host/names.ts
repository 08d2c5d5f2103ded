import { SourceError } from "../src/errors.ts";

/**
 * Names of files in a model folder come from untrusted index files: only a file directly in it is meant.
 * @throws SourceError for anything with a separator, a drive, a NUL, or that means a folder; it names `folder`.
 */
export function checkPlainName(name: string, folder: string): void {
  if (name !== "" && name !== "." && name !== ".." && !/[/\\:\0]/.test(name)) return;
  throw new SourceError(`${JSON.stringify(name)} is not the name of a file directly in the model folder`, { file: folder });
}
