import { TokenizerError } from "../errors.ts";
import { cutTokenizerJson, type CutJson } from "./json-slices.ts";
import { parseJsonText } from "./json-text.ts";

/** Largest and deepest JSON that is parsed. Files in use have up to 34 MB, 2 million values, depth 6. */
export const JSON_LIMITS = { bytes: 64 * 1024 * 1024, depth: 32 } as const;

/**
 * Bytes of memory that parsed JSON takes, as V8 makes it (measured), and what may be taken: some times the file, and a rest for small
 * files. An array of
 * nothing takes 2 bytes of a file and 16 of memory, so without a limit a file of 64 MiB could take gigabytes.
 */
const COST = { object: 120, array: 40, value: 8, string: 24 } as const;
const MAY_TAKE = { tokenizer: 4, other: 1, bytes: 30 << 20 } as const;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Parses untrusted JSON. A first pass over the bytes checks size, depth and numbers of values, so that JSON.parse can
 * neither overflow the stack nor allocate far more than the file.
 * @throws TokenizerError when it is not UTF-8, not JSON, or over a limit.
 */
export function parseJson(bytes: Uint8Array, file: string, role: "tokenizer" | "other" = "tokenizer"): unknown {
  checkSize(bytes, file, role);
  return parsed(bytes, file);
}

/**
 * The same for a tokenizer.json, whose vocabulary and merges, all but a thousandth of it, are parsed in slices.
 * @returns `json` has null in their places
 */
export function parseTokenizerJson(bytes: Uint8Array, file: string): Omit<CutJson, "rest"> & { readonly json: unknown } {
  checkSize(bytes, file, "tokenizer");
  const { rest, ...large } = cutTokenizerJson(bytes, file);
  return { json: parsed(rest, file), ...large };
}

function checkSize(bytes: Uint8Array, file: string, role: keyof Omit<typeof MAY_TAKE, "bytes">): void {
  if (bytes.length > JSON_LIMITS.bytes) {
    throw new TokenizerError(`${bytes.length} bytes are too many; the limit is ${JSON_LIMITS.bytes} bytes`, {
      file,
      limit: JSON_LIMITS.bytes,
    });
  }
  checkShape(bytes, file, MAY_TAKE[role]);
}

function parsed(bytes: Uint8Array, file: string): unknown {
  const text = parseJsonText(bytes);
  if ("problem" in text) throw new TokenizerError(text.problem, { file, cause: text.cause });
  return text.value;
}

function checkShape(bytes: Uint8Array, file: string, times: number): void {
  let depth = 0;
  let deepest = 0;
  let quotes = 0;
  let values = 1;
  let objects = 0;
  let arrays = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) {
      inString = true;
      quotes++;
    } else if (byte === COMMA) {
      values++;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      values++;
      if (byte === OPEN_OBJECT) objects++;
      else arrays++;
      deepest = Math.max(deepest, ++depth);
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth--;
    }
  }
  if (deepest > JSON_LIMITS.depth)
    throw new TokenizerError(`has depth ${deepest}; the limit is ${JSON_LIMITS.depth}`, { file, limit: JSON_LIMITS.depth });
  const cost = COST.object * objects + COST.array * arrays + COST.value * values + COST.string * quotes;
  const limit = times * bytes.length + MAY_TAKE.bytes;
  if (cost <= limit) return;
  throw new TokenizerError(
    `would take ${cost} bytes of memory, ` +
      `its ${values} values in ${arrays} lists and ${objects} objects; the limit for ${bytes.length} bytes is ${limit}`,
    { file, limit },
  );
}
