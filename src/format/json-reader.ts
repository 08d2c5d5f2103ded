import { FormatError, LimitError } from "../errors.ts";
import { decodeUtf8 } from "./bytes.ts";

const MAX_SKIP_DEPTH = 64;

// Sticky: they match at `lastIndex` or not at all. Runs are found by the regular expression engine, as a loop here would be compiled and
// optimised first, which takes longer than all else that is done with a model's header.
const PLAIN = /[^"\\\x00-\x1f]*/y;
const DIGITS = /[0-9]*/y;
const SPACE = /[ \n\r\t]*/y;
/** Of numbers, true, false and null, and of Python's Infinity and NaN. */
const SCALAR = /[0-9a-zEIN+.-]*/y;

/**
 * Reads JSON of a known structure. Unlike JSON.parse it sees duplicate keys, makes no objects (so a hostile header cannot blow up into
 * many times its size), and nests only as deep as the caller goes.
 * All methods throw FormatError (malformed) or LimitError (a string over its limit) naming the file.
 */
export class JsonReader {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  /** @throws FormatError for bytes that are not UTF-8. */
  constructor(bytes: Uint8Array, file: string) {
    const text = decodeUtf8(bytes);
    if (text === undefined) throw new FormatError("the JSON is not UTF-8", { file });
    this.#text = text;
    this.#file = file;
  }

  /** Raises a FormatError at the current position. */
  fail(message: string, field?: string): never {
    throw new FormatError(`${message} (character ${this.#at} of the JSON)`, {
      file: this.#file,
      ...(field === undefined ? {} : { field }),
    });
  }

  /** An object: calls `visit` for each key, which must read exactly the value. Duplicate keys are its business. */
  object(maxKeyLength: number, visit: (key: string) => void): void {
    this.#expect("{", "an object");
    if (this.#take("}")) return;
    do {
      const key = this.string(maxKeyLength);
      this.#expect(":", "':'");
      visit(key);
    } while (this.#take(","));
    this.#expect("}", "',' or '}'");
  }

  /** An array: calls `visit` for each element, which must read exactly the value. */
  array(visit: () => void): void {
    this.#expect("[", "an array");
    if (this.#take("]")) return;
    do visit();
    while (this.#take(","));
    this.#expect("]", "',' or ']'");
  }

  /** A string of at most `maxLength` UTF-16 units between its quotes. */
  string(maxLength: number): string {
    this.#expect('"', "a string");
    const text = this.#text;
    const begin = this.#at;
    let end = this.#run(PLAIN);
    while (text[end] === "\\") {
      this.#at = end + 2;
      end = this.#run(PLAIN);
    }
    const escaped = this.#at > begin;
    this.#at = Math.min(end, text.length);
    if (end - begin > maxLength) {
      throw new LimitError(`a string at character ${begin} of the JSON is longer than ${maxLength} characters`, {
        file: this.#file,
        limit: maxLength,
      });
    }
    if (end >= text.length) this.fail("the JSON ends inside a string");
    if (text[end] !== '"') this.fail("a string holds a raw control character");
    this.#at = end + 1;
    const raw = text.slice(begin, end);
    if (!escaped) return raw;
    try {
      return JSON.parse(`"${raw}"`) as string;
    } catch {
      return this.fail("a string holds an escape that JSON does not have");
    }
  }

  /** A non-negative integer up to 2^53 - 1, written in digits only. */
  integer(): number {
    this.#skipSpace();
    const digits = this.#text.slice(this.#at, this.#run(DIGITS));
    if (digits === "") this.fail("a non-negative integer was expected");
    if (digits.length > 1 && digits[0] === "0") this.fail("a number starts with 0");
    const value = Number(digits);
    if (!Number.isSafeInteger(value)) this.fail("a number is beyond 2^53");
    this.#at += digits.length;
    return value;
  }

  /** Groups of a sticky expression that matches what comes next, which is then read; undefined, and nothing is read, where it does not. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }

  /** Passes over any value, checking only strings and brackets. */
  skipValue(depth = 0): void {
    if (depth > MAX_SKIP_DEPTH) this.fail(`values nest deeper than ${MAX_SKIP_DEPTH}`);
    this.#skipSpace();
    const c = this.#text[this.#at];
    if (c === "{") return this.object(this.#text.length, () => this.skipValue(depth + 1));
    if (c === "[") return this.array(() => this.skipValue(depth + 1));
    if (c === '"') return void this.string(this.#text.length);
    const end = this.#run(SCALAR);
    if (end === this.#at) this.fail("a value was expected");
    this.#at = end;
  }

  /** Only white space may be left. */
  end(): void {
    this.#skipSpace();
    if (this.#at !== this.#text.length) this.fail("there is more after the JSON value");
  }

  /** End of what a sticky expression matches here. */
  #run(pattern: RegExp): number {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text) ? pattern.lastIndex : this.#at;
  }

  #skipSpace(): void {
    const c = this.#text[this.#at];
    if (c === " " || c === "\n" || c === "\r" || c === "\t") this.#at = this.#run(SPACE);
  }

  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string, what: string): void {
    if (!this.#take(character)) this.fail(`${what} was expected`);
  }
}
