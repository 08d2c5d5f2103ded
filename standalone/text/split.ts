import { Bytes } from "../bytes";
import { Matcher } from "./regex/match";
import { Program } from "./regex/program";
import { characterBytes } from "./utf8";

// What becomes of the places where a pattern matches (`SplitDelimiterBehavior` of tokenizers), in the order of BEHAVIORS.
export const REMOVED: i32 = 0;
export const ISOLATED: i32 = 1;
export const MERGED_WITH_PREVIOUS: i32 = 2;
export const MERGED_WITH_NEXT: i32 = 3;
export const CONTIGUOUS: i32 = 4;
export const BEHAVIORS: string[] = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];

/** Splits texts at the matches of a pattern. Mirrors src/text/encode/split.ts. */
export class TextSplitter {
  /** Start and end of each word of the last text, in bytes. */
  words: Bytes = new Bytes();
  private matcher: Matcher;
  private start: u32 = 0;
  private end: u32 = 0;
  private held: bool = false;
  /** Whether the span seen last is a match, which a merged one no longer tells. */
  private after: bool = false;

  /** @param invert takes what lies between the matches for the matches */
  constructor(
    program: Program,
    private behavior: i32,
    private invert: bool,
  ) {
    this.matcher = new Matcher(program);
  }

  /** Splits well-formed UTF-8 into `words`; empty ones are left out. */
  split(at: usize, length: u32): void {
    this.words.clear();
    this.held = false;
    this.after = false;
    let done: u32 = 0;
    for (let i: u32 = 0; i < length;) {
      const end = this.matcher.match(at, i, length);
      if (end === 0) {
        i += characterBytes(at + i);
        continue;
      }
      if (i > done) this.span(done, i, this.invert);
      this.span(i, end, !this.invert);
      i = done = end;
    }
    if (done < length) this.span(done, length, this.invert);
    if (this.held) this.word(this.start, this.end);
  }

  private span(start: u32, end: u32, match: bool): void {
    if (this.behavior === REMOVED) {
      if (!match) this.word(start, end);
      return;
    }
    if (this.held && this.joins(match)) {
      this.end = end;
    } else {
      if (this.held) this.word(this.start, this.end);
      this.held = true;
      this.start = start;
      this.end = end;
    }
    this.after = match;
  }

  /** Whether a span goes on the word before it. */
  private joins(match: bool): bool {
    if (this.behavior === MERGED_WITH_PREVIOUS) return match && !this.after;
    if (this.behavior === MERGED_WITH_NEXT) return this.after && !match;
    return this.behavior === CONTIGUOUS && this.after === match;
  }

  private word(start: u32, end: u32): void {
    this.words.pushInt(start);
    this.words.pushInt(end);
  }
}
