import { TokenizerError } from "../errors.ts";
import { parseJsonText } from "./json-text.ts";

/** Members or entries that are parsed at a time. */
const SLICE = 4096;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * A large object or list inside a JSON file, parsed a few thousand members or entries at a time: parsed at once it takes many times its
 * size.
 */
export interface JsonSlices {
  readonly kind: "object" | "array" | "other";
  /** Members or entries, by their commas. */
  readonly count: number;
  /** Its own bytes. */
  readonly bytes: Uint8Array;
  /** Objects, or lists, that hold all of it in order. @throws TokenizerError for what is no JSON */
  [Symbol.iterator](): Iterator<unknown, void, void>;
}

/** A JSON file without two large parts, and these. */
export interface CutJson {
  /** The file with null in their places. */
  readonly rest: Uint8Array;
  readonly vocab: JsonSlices | undefined;
  readonly merges: JsonSlices | undefined;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Cuts `model.vocab` and `model.merges` out of a tokenizer.json. Where that is no JSON, so is the rest, or a slice. */
export function cutTokenizerJson(bytes: Uint8Array, file: string): CutJson {
  const { vocab, merges } = findLarge(bytes);
  const ranges = [vocab, merges].filter((range) => range !== undefined).sort((a, b) => a.from - b.from);
  const kept: Uint8Array[] = [];
  let at = 0;
  for (const { from, to } of ranges) {
    kept.push(bytes.subarray(at, from), new TextEncoder().encode("null"));
    at = to;
  }
  kept.push(bytes.subarray(at));
  const slices = (range: Range | undefined): JsonSlices | undefined => (range === undefined ? undefined : sliced(bytes, range, file));
  return { rest: joined(kept), vocab: slices(vocab), merges: slices(merges) };
}

/** Bytes after bytes. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Where the values of `model.vocab` and `model.merges` stand; of several with one name the last counts, as for JSON.parse. */
function findLarge(bytes: Uint8Array): { readonly vocab: Range | undefined; readonly merges: Range | undefined } {
  const found: Record<string, Range | undefined> = {};
  const keys = ["", "", ""];
  let depth = 0;
  let text: Range = { from: 0, to: 0 };
  let value = -1;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) {
      const from = i;
      i = endOfString(bytes, i);
      text = { from, to: i + 1 };
    } else if (byte === COLON && (depth === 1 || depth === 2)) {
      keys[depth] = textOf(bytes, text);
      if (depth === 1 && keys[1] === "model") found["vocab"] = found["merges"] = undefined;
      value = depth === 2 && keys[1] === "model" && (keys[2] === "vocab" || keys[2] === "merges") ? i + 1 : -1;
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      depth++;
    } else if (byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      if (depth === 2 && value >= 0) {
        found[keys[2]!] = { from: value, to: i };
        value = -1;
      }
      if (byte !== COMMA) depth--;
    }
  }
  return { vocab: found["vocab"], merges: found["merges"] };
}

/** The place of the quote that ends a string, or the last byte. */
function endOfString(bytes: Uint8Array, start: number): number {
  for (let i = start + 1; i < bytes.length; i++) {
    if (bytes[i] === BACKSLASH) i++;
    else if (bytes[i] === QUOTE) return i;
  }
  return bytes.length - 1;
}

/** A key; "" for what is no text, and for those that are too long to be looked for. */
function textOf(bytes: Uint8Array, { from, to }: Range): string {
  if (to - from > 64) return "";
  const parsed = parseJsonText(bytes.subarray(from, to));
  return "value" in parsed && typeof parsed.value === "string" ? parsed.value : "";
}

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

function sliced(bytes: Uint8Array, range: Range, file: string): JsonSlices {
  let { from, to } = range;
  while (from < to && isSpace(bytes[from])) from++;
  while (to > from && isSpace(bytes[to - 1])) to--;
  const [first, last] = [bytes[from], bytes[to - 1]];
  const kind = first === OPEN_OBJECT && last === CLOSE_OBJECT ? "object" : first === OPEN_ARRAY && last === CLOSE_ARRAY ? "array" : "other";
  const own = bytes.subarray(from, to);
  const inner = kind === "other" ? own.subarray(0, 0) : own.subarray(1, -1);
  const empty = inner.every(isSpace);
  return {
    kind,
    bytes: own,
    count: empty ? 0 : countCommas(inner) + 1,
    *[Symbol.iterator]() {
      if (empty) return;
      for (const part of parts(inner)) yield parsePart(part, kind === "object", bytes, file);
    },
  };
}

function countCommas(inner: Uint8Array): number {
  let count = 0;
  for (const _ of commas(inner)) count++;
  return count;
}

/** Places of the commas that are in no string and no inner value. */
function* commas(inner: Uint8Array): Generator<number, void, void> {
  let depth = 0;
  for (let i = 0; i < inner.length; i++) {
    const byte = inner[i]!;
    if (byte === QUOTE) i = endOfString(inner, i);
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth++;
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
    else if (byte === COMMA && depth === 0) yield i;
  }
}

function* parts(inner: Uint8Array): Generator<Uint8Array, void, void> {
  let from = 0;
  let count = 0;
  for (const at of commas(inner)) {
    if (++count % SLICE > 0) continue;
    yield inner.subarray(from, at);
    from = at + 1;
  }
  yield inner.subarray(from);
}

/** @param whole the file, for what is wrong with it */
function parsePart(part: Uint8Array, isObject: boolean, whole: Uint8Array, file: string): unknown {
  try {
    // Nothing between two commas is no JSON, but between braces it would be.
    if (part.every(isSpace)) throw new SyntaxError("a value is missing");
    // Bytes, not texts, are joined: a byte-order mark stands at the start of a file only.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(part);
    return JSON.parse(isObject ? `{${text}}` : `[${text}]`);
  } catch (cause) {
    const parsed = parseJsonText(whole);
    throw new TokenizerError("problem" in parsed ? parsed.problem : "holds a value that is no JSON", { file, cause });
  }
}
