import { TokenizerError } from "../errors.ts";

/** What a tokenizer.json may hold. Files in use: 11 MB, 0.6 million values, depth 6. */
export const JSON_LIMITS = { bytes: 64 * 1024 * 1024, depth: 32, values: 2_000_000 } as const;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Parses untrusted JSON. A first pass over the bytes checks size, depth and number of values, so that JSON.parse can
 * neither overflow the stack nor allocate far more than the file.
 * @throws TokenizerError when it is not UTF-8, not JSON, or over a limit.
 */
export function parseJson(bytes: Uint8Array, file: string): unknown {
  if (bytes.length > JSON_LIMITS.bytes) {
    throw new TokenizerError(`${bytes.length} bytes are too many; the limit is ${JSON_LIMITS.bytes} bytes`, { file, limit: JSON_LIMITS.bytes });
  }
  checkShape(bytes, file);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new TokenizerError("is not UTF-8 text", { file, cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TokenizerError("is not valid JSON; use the tokenizer.json that was published with the model", { file, cause });
  }
}

function checkShape(bytes: Uint8Array, file: string): void {
  let depth = 0;
  let values = 1;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
    } else if (byte === COMMA) {
      values++;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      depth++;
      values++;
      if (depth > JSON_LIMITS.depth) {
        throw new TokenizerError(`nests deeper than ${JSON_LIMITS.depth} levels at byte ${i}`, { file, limit: JSON_LIMITS.depth });
      }
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth--;
    }
  }
  if (values > JSON_LIMITS.values) {
    throw new TokenizerError(`holds ${values} values; the limit is ${JSON_LIMITS.values}`, { file, limit: JSON_LIMITS.values });
  }
}
