import { FormatError, LimitError } from "../errors.ts";
import type { ByteSource } from "./source.ts";

/**
 * A buffer of a size that was already checked against the file.
 * @throws LimitError when the runtime cannot give that much memory.
 */
export function allocate(byteLength: number, file: string, field?: string): ArrayBuffer {
  try {
    return new ArrayBuffer(byteLength);
  } catch (cause) {
    throw new LimitError(`cannot allocate ${byteLength} bytes; use a machine with more memory or a smaller model`, {
      file,
      ...(field === undefined ? {} : { field }),
      limit: byteLength,
      cause,
    });
  }
}

/**
 * Reads a range, after checking that it lies inside the file: nothing is allocated for a range that does not.
 * @throws FormatError when it does not; `field` says what the range is.
 */
export async function readRange(source: ByteSource, offset: number, length: number, field: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!(Number.isSafeInteger(offset) && offset >= 0 && Number.isSafeInteger(length) && length >= 0 && length <= source.size - offset)) {
    throw new FormatError(`bytes ${offset} to ${offset + length} are outside the file of ${source.size} bytes; it may be cut short`, {
      file: source.name,
      field,
    });
  }
  const bytes = new Uint8Array(allocate(length, source.name, field));
  if (length > 0) await source.readInto(offset, bytes);
  return bytes;
}

/**
 * Reads a whole file of at most `limit` bytes.
 * @throws LimitError when it is larger.
 */
export async function readWhole(source: ByteSource, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  if (source.size > limit) {
    throw new LimitError(`the file has ${source.size} bytes, more than the ${limit} allowed`, { file: source.name, limit });
  }
  return readRange(source, 0, source.size, "whole file");
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Strict UTF-8; undefined when the bytes are not. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** True for names that are safe to keep and print: no control characters, no lone surrogates. */
export function isPrintable(text: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(text);
}
