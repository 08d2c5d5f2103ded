import * as U from "../unicode";
import { END, JUMP, NOT_AHEAD, Program, REPEAT, SPLIT } from "./program";
import { CharacterSet } from "./set";

/**
 * Compiles a regular expression of core/text/patterns.ts, as Oniguruma reads it. Only what those hold is understood: classes, `?`, `*`,
 * `+`, `{m,n}`, possessive or not, alternatives, `(?i:...)` and `(?!\S)`. What is repeated is one character, or a group with `?`.
 */
export function compile(pattern: string): Program {
  const compiler = new Compiler(pattern);
  compiler.alternatives();
  compiler.program.add(END);
  return compiler.program;
}

class Compiler {
  program: Program = new Program();
  private at: i32 = 0;
  private anyCase: bool = false;

  constructor(private text: string) {}

  /** Alternatives up to the end or a closing bracket. */
  alternatives(): void {
    const ends: i32[] = [];
    while (true) {
      // The split comes before what it leads to, so it stands there until it is known to be needed.
      const split = this.program.next;
      this.program.add(SPLIT, null, split + 1, split + 1);
      this.sequence();
      if (!this.take("|")) break;
      ends.push(this.program.next);
      this.program.add(JUMP);
      this.program.instructions[split].most = this.program.next;
    }
    for (let i = 0; i < ends.length; i++) this.program.instructions[ends[i]].least = this.program.next;
  }

  private sequence(): void {
    while (this.at < this.text.length && !this.is("|") && !this.is(")")) {
      if (this.take("(?i:")) this.group();
      else if (this.take("(?!")) {
        this.program.add(NOT_AHEAD, this.set());
        this.take(")");
      } else this.repeat(this.set());
    }
  }

  private group(): void {
    const split = this.program.next;
    this.program.add(SPLIT, null, split + 1, split + 1);
    this.anyCase = true;
    this.alternatives();
    this.anyCase = false;
    this.take(")");
    if (this.take("?")) this.program.instructions[split].most = this.program.next;
  }

  private repeat(set: CharacterSet): void {
    let least = 1;
    let most = 1;
    if (this.take("?")) least = 0;
    else if (this.take("*")) {
      least = 0;
      most = i32.MAX_VALUE;
    } else if (this.take("+")) most = i32.MAX_VALUE;
    else if (this.take("{")) {
      least = most = this.number();
      if (this.take(",")) most = this.is("}") ? i32.MAX_VALUE : this.number();
      this.take("}");
    }
    // Possessive: what follows never matches what was taken, so nothing is lost by giving it back.
    this.take("+");
    this.program.add(REPEAT, set, least, most);
  }

  /** A character, an escape or a class in brackets. */
  private set(): CharacterSet {
    const set = new CharacterSet();
    if (this.take("[")) this.brackets(set);
    else this.member(set);
    return set;
  }

  private brackets(set: CharacterSet): void {
    if (this.take("^")) set.negated = true;
    while (this.at < this.text.length && !this.take("]")) {
      if (this.take("[")) this.brackets(set);
      else this.member(set);
    }
  }

  /** One character, range or escape. */
  private member(set: CharacterSet): void {
    if (this.is("\\")) {
      const classes = this.escapedClass();
      set.classes |= classes;
      if (classes !== 0) return;
    }
    const first = this.character();
    let last = first;
    if (this.is("-") && !this.is("-]") && this.at + 1 < this.text.length) {
      this.at++;
      last = this.character();
    }
    set.add(first, last);
    if (!this.anyCase || first < 0x61 || first > 0x7a) return;
    set.add(first - 32, last - 32);
    // Oniguruma folds the long s.
    if (first === 0x73) set.add(0x17f, 0x17f);
  }

  /** The classes of an escape, which is passed over; 0 for that of a character. */
  private escapedClass(): u32 {
    if (this.take("\\s")) return U.SPACE;
    if (this.take("\\S")) return U.NO_SPACE;
    if (this.take("\\d")) return U.DIGITS;
    if (this.take("\\w")) return U.WORD;
    if (!this.take("\\p{")) return 0;
    const end = this.text.indexOf("}", this.at);
    const name = this.text.slice(this.at, end);
    this.at = end + 1;
    if (name == "L") return U.LETTERS;
    if (name == "N") return U.NUMBERS;
    if (name == "M") return U.MARKS;
    if (name == "P") return U.PUNCTUATION;
    if (name == "S") return U.SYMBOLS;
    if (name == "Lu") return U.UPPER;
    if (name == "Ll") return U.LOWER;
    if (name == "Lt") return U.TITLE;
    if (name == "Lm") return U.MODIFIER;
    return U.OTHER_LETTER;
  }

  private character(): u32 {
    let code = <u32>this.text.charCodeAt(this.at++);
    if (code !== 0x5c) return code;
    code = <u32>this.text.charCodeAt(this.at++);
    return code === 0x6e ? 0x0a : code === 0x72 ? 0x0d : code;
  }

  private number(): i32 {
    let value = 0;
    while (this.text.charCodeAt(this.at) >= 0x30 && this.text.charCodeAt(this.at) <= 0x39) {
      value = value * 10 + this.text.charCodeAt(this.at++) - 0x30;
    }
    return value;
  }

  private is(text: string): bool {
    for (let i = 0; i < text.length; i++) {
      if (this.at + i >= this.text.length || this.text.charCodeAt(this.at + i) !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  private take(text: string): bool {
    if (!this.is(text)) return false;
    this.at += text.length;
    return true;
  }
}
