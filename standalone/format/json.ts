import { isText } from "../bytes";
import { failed } from "../failure";
import { parseDecimal } from "./decimal";
import { JsonCursor } from "./json-cursor";

const MAX_DEPTH: i32 = 32;

/**
 * Reads JSON of a known structure from bytes that it may change: a string's escapes are resolved in place, so strings are
 * stretches of the buffer and live as long as it. After a failure every method returns at once and every loop ends.
 */
export class JsonReader extends JsonCursor {
  /** The last string read. */
  text: usize = 0;
  textLength: u32 = 0;
  private fresh: bool = false;

  openObject(): void {
    this.expect(0x7b, "'{'");
    this.fresh = true;
  }

  /** The next key of the object, in `text`; false at its end. Its value must then be read or skipped. */
  nextKey(): bool {
    if (!this.nextItem(0x7d)) return false;
    this.readString();
    this.expect(0x3a, "':'");
    return !failed();
  }

  openArray(): void {
    this.expect(0x5b, "'['");
    this.fresh = true;
  }

  /** Is there another element? It must then be read or skipped. */
  nextElement(): bool {
    return this.nextItem(0x5d);
  }

  isText(text: string): bool {
    return isText(this.text, this.textLength, text);
  }

  /** A copy of the last string. */
  textString(): string {
    return String.UTF8.decodeUnsafe(this.text, this.textLength);
  }

  /** Reads a string into `text`, `textLength`. */
  readString(): void {
    this.expect(0x22, "a string");
    if (failed()) return;
    const begin = this.at;
    let out = begin;
    while (this.at < this.end) {
      const c = load<u8>(this.at);
      if (c === 0x22) {
        this.text = begin;
        this.textLength = <u32>(out - begin);
        this.at++;
        return;
      }
      if (c < 0x20) return this.fail("a string holds a raw control character");
      if (c === 0x5c) {
        out = this.escape(out);
        if (failed()) return;
      } else {
        store<u8>(out++, c);
        this.at++;
      }
    }
    this.fail("the JSON ends inside a string");
  }

  /** A number. */
  readNumber(): f64 {
    this.skipSpace();
    const begin = this.at;
    while (this.at < this.end && isNumberByte(load<u8>(this.at))) this.at++;
    const length = this.at - begin;
    if (length === 0 || length > 64) {
      this.fail("a number was expected");
      return 0;
    }
    const value = parseDecimal(String.UTF8.decodeUnsafe(begin, length));
    if (isNaN(value)) this.fail("a number was expected");
    return value;
  }

  /** A non-negative integer up to 2^53 - 1, written in digits only. */
  readInteger(): u64 {
    this.skipSpace();
    const begin = this.at;
    let value: u64 = 0;
    while (this.at < this.end) {
      const digit = <u32>load<u8>(this.at) - 0x30;
      if (digit > 9) break;
      value = value * 10 + digit;
      if (value >= 1 << 53) {
        this.fail("a number is beyond 2^53");
        return 0;
      }
      this.at++;
    }
    if (this.at === begin) this.fail("a non-negative integer was expected");
    return value;
  }

  readFlag(): bool {
    const value = this.word("true");
    if (!value && !this.word("false")) this.fail("true or false was expected");
    return value;
  }

  /** Takes `null` if it is next. */
  takeNull(): bool {
    return this.word("null");
  }

  /** Passes over one value. */
  skip(depth: i32 = 0): void {
    if (depth > MAX_DEPTH) return this.fail(`nests deeper than ${MAX_DEPTH}`);
    const c = this.peek();
    if (c === 0x7b) {
      this.openObject();
      while (this.nextItem(0x7d)) {
        this.skipString();
        this.expect(0x3a, "':'");
        this.skip(depth + 1);
      }
    } else if (c === 0x5b) {
      this.openArray();
      while (this.nextElement()) this.skip(depth + 1);
    } else if (c === 0x22) {
      this.skipString();
    } else if (!this.word("true") && !this.word("false") && !this.word("null")) {
      this.readNumber();
    }
  }

  /** Only white space may be left. */
  finish(): void {
    if (!failed() && this.peek() !== 0) this.fail("there is more after the JSON value");
  }

  private nextItem(close: u8): bool {
    if (failed()) return false;
    const c = this.peek();
    if (c === close) {
      this.fresh = false;
      this.at++;
      return false;
    }
    if (this.fresh) {
      this.fresh = false;
      return true;
    }
    this.expect(0x2c, "',' or the end");
    if (this.peek() === close) this.fail("a value was expected");
    return !failed();
  }

  private skipString(): void {
    this.expect(0x22, "a string");
    while (this.at < this.end && load<u8>(this.at) !== 0x22) this.at += load<u8>(this.at) === 0x5c ? 2 : 1;
    if (this.at >= this.end) return this.fail("the JSON ends inside a string");
    this.at++;
  }
}

function isNumberByte(c: u8): bool {
  return (c >= 0x30 && c <= 0x39) || c === 0x2b || c === 0x2d || c === 0x2e || c === 0x65 || c === 0x45;
}
