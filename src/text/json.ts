import { TokenizerError } from "../errors.ts";
import { parseJsonText } from "./json-text.ts";

/**
 * What a tokenizer.json may hold; files in use have up to 11 MB, 1 million values, 0.3 million keys, depth 6. Objects and
 * keys cost an engine the most: without their limits a file of 14 MB can take 185 MB of memory.
 */
export const JSON_LIMITS = { bytes: 64 * 1024 * 1024, depth: 32, values: 1_500_000, keys: 600_000, objects: 32_768 } as const;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Parses untrusted JSON. A first pass over the bytes checks size, depth and numbers of values, so that JSON.parse can
 * neither overflow the stack nor allocate far more than the file.
 * @throws TokenizerError when it is not UTF-8, not JSON, or over a limit.
 */
export function parseJson(bytes: Uint8Array, file: string): unknown {
  if (bytes.length > JSON_LIMITS.bytes) {
    throw new TokenizerError(`${bytes.length} bytes are too many; the limit is ${JSON_LIMITS.bytes} bytes`, { file, limit: JSON_LIMITS.bytes });
  }
  checkShape(bytes, file);
  const parsed = parseJsonText(bytes);
  if ("problem" in parsed) throw new TokenizerError(parsed.problem, { file, cause: parsed.cause });
  return parsed.value;
}

function checkShape(bytes: Uint8Array, file: string): void {
  const counts = { depth: 0, values: 1, keys: 0, objects: 0 };
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
    } else if (byte === COMMA) {
      counts.values++;
    } else if (byte === COLON) {
      counts.keys++;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      counts.values++;
      if (byte === OPEN_OBJECT) counts.objects++;
      counts.depth = Math.max(counts.depth, ++depth);
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth--;
    }
  }
  for (const what of ["depth", "values", "keys", "objects"] as const) {
    const limit = JSON_LIMITS[what];
    if (counts[what] > limit) throw new TokenizerError(`has ${what} ${counts[what]}; the limit is ${limit}`, { file, limit });
  }
}
