import { isText } from "../bytes";
import { fail, failed } from "../failure";
import { isUtf8 } from "../text/utf8";
import { hexDigit, putCodePoint } from "./json-text";

/** A place in JSON's bytes, and the smallest things that may stand there. After a failure every method returns at once. */
export class JsonCursor {
  protected at: usize;
  protected begin: usize;
  protected end: usize;

  /** @param field what failures name. Fails when the bytes are not UTF-8. */
  constructor(
    begin: usize,
    length: u32,
    protected field: string,
  ) {
    this.begin = begin;
    this.at = begin;
    this.end = begin + length;
    if (!isUtf8(begin, length)) this.fail("is not UTF-8");
  }

  fail(message: string): void {
    fail(`${message} (byte ${this.at - this.begin} of the JSON)`, this.field);
  }

  /** Where the next value begins, to come back to with `seek`. */
  position(): usize {
    this.skipSpace();
    return this.at;
  }

  seek(position: usize): void {
    this.at = position;
  }

  /** The next byte that is not white space; 0 at the end. */
  peek(): u8 {
    this.skipSpace();
    return this.at < this.end ? load<u8>(this.at) : 0;
  }

  protected expect(byte: u8, what: string): void {
    if (failed()) return;
    if (this.peek() !== byte) return this.fail(`${what} was expected`);
    this.at++;
  }

  protected skipSpace(): void {
    while (this.at < this.end) {
      const c = load<u8>(this.at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.at++;
    }
  }

  protected word(word: string): bool {
    this.skipSpace();
    const length = <u32>word.length;
    if (this.at + length > this.end || !isText(this.at, length, word)) return false;
    this.at += length;
    return true;
  }

  protected escape(out: usize): usize {
    const kind = this.at + 1 < this.end ? load<u8>(this.at + 1) : <u8>0;
    this.at += 2;
    let code: i32 = -1;
    if (kind === 0x22 || kind === 0x5c || kind === 0x2f) code = kind;
    else if (kind === 0x62) code = 8;
    else if (kind === 0x66) code = 12;
    else if (kind === 0x6e) code = 10;
    else if (kind === 0x72) code = 13;
    else if (kind === 0x74) code = 9;
    else if (kind === 0x75) code = this.codePoint();
    if (code < 0) {
      this.fail("a string holds an escape that cannot be read");
      return out;
    }
    return putCodePoint(out, code);
  }

  /** The digits of \uXXXX, and of the second half of a surrogate pair; -1 when they are wrong. */
  protected codePoint(): i32 {
    const high = this.hex4();
    if (high < 0xd800 || high > 0xdfff) return high;
    if (high > 0xdbff || this.at + 6 > this.end || load<u16>(this.at) !== 0x755c) return -1;
    this.at += 2;
    const low = this.hex4();
    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  }

  protected hex4(): i32 {
    if (this.at + 4 > this.end) return -1;
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexDigit(load<u8>(this.at++));
      if (digit < 0) return -1;
      value = (value << 4) | digit;
    }
    return value;
  }
}
