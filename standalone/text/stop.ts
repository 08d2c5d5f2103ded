import { Bytes } from "../bytes";
import { Tokenizer } from "./tokenizer";

/** Symbols of special tokens, behind those of bytes. */
const SPECIAL: i32 = 256;

/** One stop text as the symbols that it may come in: its bytes, or special tokens where it spells them out. */
class Pattern {
  symbols: i32[] = [];
  /** failure[n]: length of the longest proper prefix that the first n symbols end with. */
  failure: i32[] = [0, 0];
  /** Bytes of text in the first n symbols. */
  bytes: i32[] = [0];
  special: bool = false;
  matched: i32 = 0;

  /** @param stop place of the stop text in the list */
  constructor(
    public stop: i32,
    public length: i32,
  ) {}

  add(symbol: i32): void {
    this.symbols.push(symbol);
    this.special = this.special || symbol >= SPECIAL;
    this.bytes.push(this.bytes[this.bytes.length - 1] + (symbol < SPECIAL ? 1 : 0));
  }

  prepare(): void {
    for (let n = 2; n <= this.symbols.length; n++) this.failure.push(this.after(this.failure[n - 1], this.symbols[n - 1]));
  }

  /** Length of the longest prefix that the input ends with after one more symbol. */
  after(matched: i32, symbol: i32): i32 {
    let length = matched;
    while (length > 0 && (length === this.symbols.length || this.symbols[length] !== symbol)) length = this.failure[length];
    return this.symbols[length] === symbol ? length + 1 : 0;
  }

  get complete(): bool {
    return this.matched === this.symbols.length;
  }
}

/** Finds stop texts in text that comes in pieces. Mirrors src/text/stop.ts. */
export class StopMatcher {
  stopped: bool = false;
  /** The stop text that was found: its place in the list; -1 before. */
  found: i32 = -1;
  private patterns: Pattern[] = [];
  private held: Bytes = new Bytes();

  constructor(stops: string[], tokenizer: Tokenizer) {
    for (let i = 0; i < stops.length; i++) {
      const utf8 = String.UTF8.encode(stops[i]);
      const at = changetype<usize>(utf8);
      const length = <u32>utf8.byteLength;
      const plain = new Pattern(i, length);
      const mixed = new Pattern(i, length);
      for (let b: u32 = 0; b < length; b++) plain.add(load<u8>(at + b));
      for (let b: u32 = 0; b < length;) {
        const token = tokenizer.specialAt(at + b, length - b);
        mixed.add(token === null ? <i32>load<u8>(at + b) : SPECIAL + token.id);
        b += token === null ? 1 : token.length;
      }
      plain.prepare();
      this.patterns.push(plain);
      if (!mixed.special) continue;
      mixed.prepare();
      this.patterns.push(mixed);
    }
  }

  /** Takes text; appends what may be printed now: nothing any more once a stop text was found. */
  push(text: Bytes, out: Bytes): void {
    if (this.stopped) return;
    for (let i: u32 = 0; i < text.length; i++) {
      const byte = load<u8>(text.at + i);
      this.held.push(byte);
      if (this.take(byte, out)) return;
    }
    this.release(out);
  }

  /** Takes a special token, which has no text of its own. */
  pushSpecial(id: i32, out: Bytes): void {
    if (!this.stopped && !this.take(SPECIAL + id, out)) this.release(out);
  }

  /** Appends the text that was held back because a stop text could have begun there. */
  flush(out: Bytes): void {
    out.append(this.held.at, this.held.length);
    this.held.clear();
  }

  /** Takes one symbol; true when a stop text is complete with it, of several the longest. */
  private take(symbol: i32, out: Bytes): bool {
    let longest: Pattern | null = null;
    for (let p = 0; p < this.patterns.length; p++) {
      const pattern = this.patterns[p];
      // Who has no special tokens looks at the text alone.
      if (symbol >= SPECIAL && !pattern.special) continue;
      pattern.matched = pattern.after(pattern.matched, symbol);
      if (pattern.complete && (longest === null || pattern.length > longest.length)) longest = pattern;
    }
    if (longest === null) return false;
    this.stopped = true;
    this.found = longest.stop;
    out.append(this.held.at, this.held.length - longest.bytes[longest.matched]);
    this.held.clear();
    return true;
  }

  private release(out: Bytes): void {
    let most: u32 = 0;
    for (let p = 0; p < this.patterns.length; p++) most = max(most, this.patterns[p].bytes[this.patterns[p].matched]);
    const held = this.held;
    const safe = held.length - most;
    out.append(held.at, safe);
    memory.copy(held.at, held.at + safe, most);
    held.length = most;
  }
}
