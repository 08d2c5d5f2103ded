import { FormatError, LimitError } from "../errors.ts";
import { decodeUtf8 } from "./bytes.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c, COLON = 0x3a;
const MAX_SKIP_DEPTH = 64;

/**
 * Reads JSON of a known structure straight from bytes. Unlike JSON.parse it sees duplicate keys, makes no objects (so a
 * hostile header cannot blow up into many times its size), and nests only as deep as the caller goes.
 * All methods throw FormatError (malformed) or LimitError (a string over its limit) naming the file.
 */
export class JsonReader {
  readonly #bytes: Uint8Array;
  readonly #file: string;
  #at = 0;

  constructor(bytes: Uint8Array, file: string) {
    this.#bytes = bytes;
    this.#file = file;
  }

  /** Raises a FormatError at the current position. */
  fail(message: string, field?: string): never {
    throw new FormatError(`${message} (byte ${this.#at} of the JSON)`, { file: this.#file, ...(field === undefined ? {} : { field }) });
  }

  /** An object: calls `visit` for each key, which must read exactly the value. Duplicate keys are its business. */
  object(maxKeyBytes: number, visit: (key: string) => void): void {
    this.#expect(OPEN_BRACE, "an object");
    if (this.#take(CLOSE_BRACE)) return;
    do {
      const key = this.string(maxKeyBytes);
      this.#expect(COLON, "':'");
      visit(key);
    } while (this.#take(COMMA));
    this.#expect(CLOSE_BRACE, "',' or '}'");
  }

  /** An array: calls `visit` for each element, which must read exactly the value. */
  array(visit: () => void): void {
    this.#expect(OPEN_BRACKET, "an array");
    if (this.#take(CLOSE_BRACKET)) return;
    do visit(); while (this.#take(COMMA));
    this.#expect(CLOSE_BRACKET, "',' or ']'");
  }

  /** A string of at most `maxBytes` bytes between its quotes. */
  string(maxBytes: number): string {
    this.#expect(QUOTE, "a string");
    const bytes = this.#bytes;
    const begin = this.#at;
    let escaped = false;
    for (let c = bytes[this.#at]; c !== QUOTE; c = bytes[this.#at]) {
      if (c === undefined) this.fail("the JSON ends inside a string");
      if (c < 0x20) this.fail("a string holds a raw control character");
      if (c === BACKSLASH) {
        escaped = true;
        this.#at++;
      }
      this.#at++;
      if (this.#at - begin > maxBytes) {
        throw new LimitError(`a string at byte ${begin} of the JSON is longer than ${maxBytes} bytes`, { file: this.#file, limit: maxBytes });
      }
    }
    const text = decodeUtf8(bytes.subarray(begin, this.#at));
    this.#at++;
    if (text === undefined) this.fail("a string is not UTF-8");
    if (!escaped) return text;
    try {
      return JSON.parse(`"${text}"`) as string;
    } catch {
      return this.fail("a string holds an escape that JSON does not have");
    }
  }

  /** A non-negative integer up to 2^53 - 1, written in digits only. */
  integer(): number {
    this.#skipSpace();
    const begin = this.#at;
    let value = 0;
    for (let c = this.#bytes[this.#at]; c !== undefined && c >= 0x30 && c <= 0x39; c = this.#bytes[++this.#at]) {
      value = value * 10 + (c - 0x30);
      if (!Number.isSafeInteger(value)) this.fail("a number is beyond 2^53");
    }
    const digits = this.#at - begin;
    if (digits === 0) this.fail("a non-negative integer was expected");
    if (digits > 1 && this.#bytes[begin] === 0x30) this.fail("a number starts with 0");
    return value;
  }

  /** Passes over any value, checking only strings and brackets. */
  skipValue(depth = 0): void {
    if (depth > MAX_SKIP_DEPTH) this.fail(`values nest deeper than ${MAX_SKIP_DEPTH}`);
    this.#skipSpace();
    const c = this.#bytes[this.#at];
    if (c === OPEN_BRACE) return this.object(this.#bytes.length, () => this.skipValue(depth + 1));
    if (c === OPEN_BRACKET) return this.array(() => this.skipValue(depth + 1));
    if (c === QUOTE) return void this.string(this.#bytes.length);
    const begin = this.#at;
    while (isScalarByte(this.#bytes[this.#at])) this.#at++;
    if (this.#at === begin) this.fail("a value was expected");
  }

  /** Only white space may be left. */
  end(): void {
    this.#skipSpace();
    if (this.#at !== this.#bytes.length) this.fail("there is more after the JSON value");
  }

  #skipSpace(): void {
    for (let c = this.#bytes[this.#at]; c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = this.#bytes[this.#at]) this.#at++;
  }

  #take(byte: number): boolean {
    this.#skipSpace();
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  #expect(byte: number, what: string): void {
    if (!this.#take(byte)) this.fail(`${what} was expected`);
  }
}

/** Bytes of numbers, true, false and null. */
function isScalarByte(c: number | undefined): boolean {
  return c !== undefined && ((c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x7a) || c === 0x2b || c === 0x2d || c === 0x2e || c === 0x45);
}
