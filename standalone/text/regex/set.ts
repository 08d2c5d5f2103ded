import { classBits } from "../unicode";

/** A set of characters: classes and ranges, or all others. */
export class CharacterSet {
  classes: u32 = 0;
  negated: bool = false;
  /** First and last code points of ranges. */
  ranges: u32[] = [];

  add(first: u32, last: u32): void {
    this.ranges.push(first);
    this.ranges.push(last);
  }

  has(code: u32): bool {
    const ranges = this.ranges;
    for (let i = 0; i < ranges.length; i += 2) if (code >= ranges[i] && code <= ranges[i + 1]) return !this.negated;
    return ((classBits(code) & this.classes) !== 0) !== this.negated;
  }
}
