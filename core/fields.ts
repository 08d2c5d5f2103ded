import { digits, Problem, PROBLEM_FIELD, PROBLEM_FIT } from "./problem.ts";

export const FIELD_ABSENT = 0;
export const FIELD_NUMBER = 1;
export const FIELD_WORD = 2;
export const FIELD_FLAG = 3;
export const FIELD_LIST = 4;
/** Whatever no configuration holds. */
export const FIELD_OTHER = 5;

/** Fields by dotted names ("attention.heads"), from JSON on either side. A getter is called for fields of its kind alone. */
export abstract class FieldSource {
  /** FIELD_*; a field whose value is null is FIELD_OTHER. */
  abstract kind(name: string): i32;
  abstract number(name: string): f64;
  abstract word(name: string): string;
  abstract flag(name: string): bool;
  /** NaN for elements that are not numbers. */
  abstract list(name: string): f64[];
  /** Names of all fields. */
  abstract names(): string[];
}

/** Reads fields and checks their ranges; keeps the first problem and goes on with harmless values. */
export class FieldReader {
  problem: Problem | null = null;
  private readonly taken: Set<string> = new Set<string>();

  constructor(private readonly source: FieldSource) {}

  has(name: string): bool {
    return this.source.kind(name) !== FIELD_ABSENT;
  }

  /** A whole number from `least` to `most`. */
  size(name: string, most: i32, least: i32 = 1): i32 {
    const value = this.number(name);
    if (this.problem !== null) return least;
    if (value !== Math.floor(value)) this.wrong(name, "must be a whole number");
    else if (value < least) this.wrong(name, "must be at least " + digits(least) + ", not " + digits(value), least);
    else if (value > most) this.wrong(name, "must be at most " + digits(most) + ", not " + digits(value), most);
    else return value as i32;
    return least;
  }

  /** A number above 0 and at most `most`. */
  positive(name: string, most: f64): f64 {
    const value = this.number(name);
    if (this.problem !== null) return most;
    if (!(value > 0)) this.wrong(name, "must be above 0");
    else if (value > most) this.wrong(name, "must be at most " + digits(most), most);
    else return value;
    return most;
  }

  /** Any finite number. */
  number(name: string): f64 {
    if (!this.expect(name, FIELD_NUMBER, "must be a number")) return 1;
    const value = this.source.number(name);
    if (value - value === 0) return value;
    this.wrong(name, "must be finite");
    return 1;
  }

  flag(name: string): bool {
    return this.expect(name, FIELD_FLAG, "must be true or false") && this.source.flag(name);
  }

  /** Place of the word in the list of those that it may be. */
  word(name: string, names: string[]): i32 {
    const expected = "must be one of " + names.join(", ");
    if (!this.expect(name, FIELD_WORD, expected)) return 0;
    const place = names.indexOf(this.source.word(name));
    if (place >= 0) return place;
    this.wrong(name, expected);
    return 0;
  }

  /** At most `most` whole numbers from 0 to below `end`. */
  integers(name: string, most: i32, end: i32): i32[] {
    const result: i32[] = [];
    if (!this.expect(name, FIELD_LIST, "must be a list of whole numbers")) return result;
    const list = this.source.list(name);
    if (list.length > most) this.wrong(name, "must have at most " + digits(most) + " entries", most);
    for (let i = 0; i < list.length && this.problem === null; i++) {
      const value = list[i]!;
      if (value === Math.floor(value) && value >= 0 && value < end) result.push(value as i32);
      else this.wrong(name, "holds an entry that is not a whole number from 0 to " + digits(end - 1), end - 1);
    }
    return result;
  }

  /** Notes that fields do not fit together. */
  unfit(text: string): void {
    if (this.problem === null) this.problem = new Problem(PROBLEM_FIT, "", NaN, text);
  }

  /** No field may be left that nobody asked for: it would be ignored. */
  finish(): void {
    const names = this.source.names();
    for (let i = 0; i < names.length; i++) if (!this.taken.has(names[i]!)) this.wrong(names[i]!.slice(0, 60), "is not known");
  }

  private expect(name: string, kind: i32, expected: string): bool {
    this.taken.add(name);
    if (this.problem !== null) return false;
    const found = this.source.kind(name);
    if (found !== kind) this.wrong(name, found === FIELD_ABSENT ? "is missing; it " + expected : expected);
    return found === kind;
  }

  /** Notes that a field is wrong. @param limit the value that it may not pass */
  wrong(name: string, text: string, limit: f64 = NaN): void {
    if (this.problem === null) this.problem = new Problem(PROBLEM_FIELD, name, limit, text);
  }
}
