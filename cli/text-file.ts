import { createReadStream } from "node:fs";
import { sourceError } from "../host/node/files.ts";
import { BlockFFNError, FormatError, LimitError } from "../src/errors.ts";

/** Largest text that is read at once. */
const MAX_TEXT_BYTES = 256 << 20;

/** Reads UTF-8 text from a file or pipe. @throws SourceError, LimitError (256 MiB) or FormatError when it is not UTF-8. */
export async function readTextFile(path: string, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let size = 0;
  let text = "";
  try {
    for await (const part of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > MAX_TEXT_BYTES) throw new LimitError(`has more than ${MAX_TEXT_BYTES} bytes`, { file: path, limit: MAX_TEXT_BYTES });
      text += decode(decoder, part, path);
    }
    return text + decode(decoder, undefined, path);
  } catch (error) {
    throw error instanceof BlockFFNError || signal.aborted ? error : sourceError(path, error);
  }
}

function decode(decoder: TextDecoder, part: Uint8Array | undefined, path: string): string {
  try {
    return decoder.decode(part, { stream: part !== undefined });
  } catch (cause) {
    throw new FormatError("is not UTF-8 text", { file: path, cause });
  }
}
