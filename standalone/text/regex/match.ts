import { characterBefore, characterBytes, codePointAt } from "../utf8";
import { END, JUMP, NOT_AHEAD, Program, SPLIT } from "./program";

/** A place to come back to: which instruction, with how much taken, and down to where a repetition may give back; MAX: nowhere. */
const ENTRY_BYTES: usize = 12;

/** Finds matches of a program in well-formed UTF-8, by backtracking. */
export class Matcher {
  private stack: StaticArray<u8>;

  constructor(private program: Program) {
    this.stack = new StaticArray<u8>(program.instructions.length * <i32>ENTRY_BYTES);
  }

  /** End of the match that begins at `from`; 0 for none, or for one of nothing. */
  match(at: usize, from: u32, length: u32): u32 {
    const instructions = this.program.instructions;
    const bottom = changetype<usize>(this.stack);
    let top = bottom;
    let next = 0;
    let place = from;
    while (true) {
      const one = instructions[next];
      const kind = one.kind;
      if (kind === END) return place > from ? place : 0;
      let goes = true;
      if (kind === JUMP) next = one.least;
      else if (kind === SPLIT) {
        if (one.most !== one.least) top = push(top, one.most, place, u32.MAX_VALUE);
        next = one.least;
      } else {
        const set = one.set!;
        next++;
        if (kind === NOT_AHEAD) goes = place >= length || !set.has(codePointAt(at + place));
        else {
          let count = 0;
          let enough = place;
          while (count < one.most && place < length && set.has(codePointAt(at + place))) {
            place += characterBytes(at + place);
            if (++count === one.least) enough = place;
          }
          goes = count >= one.least;
          if (goes && place > enough) top = push(top, next, place, enough);
        }
      }
      if (goes) continue;
      if (top === bottom) return 0;
      // The last place to come back to.
      const entry = top - ENTRY_BYTES;
      next = load<i32>(entry);
      place = load<u32>(entry + 4);
      const lowest = load<u32>(entry + 8);
      top = entry;
      if (lowest === u32.MAX_VALUE) continue;
      place = <u32>(characterBefore(at + place) - at);
      if (place > lowest) top = push(top, next, place, lowest);
    }
  }
}

function push(top: usize, next: i32, place: u32, lowest: u32): usize {
  store<i32>(top, next);
  store<u32>(top + 4, place);
  store<u32>(top + 8, lowest);
  return top + ENTRY_BYTES;
}
