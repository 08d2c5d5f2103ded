import { SourceError } from "../src/errors.ts";
import type { ByteSource } from "../src/format/source.ts";

/** Checks a read of `length` bytes from `offset` on. @throws SourceError when they are not all in the file. */
export function checkRange({ name, size }: ByteSource, offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset + length <= size) return;
  throw new SourceError(`bytes ${offset} to ${offset + length} were asked for, but the file has ${size}`, { file: name, limit: size });
}
