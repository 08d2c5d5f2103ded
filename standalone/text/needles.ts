import { sameBytes } from "../bytes";
import { AddedToken, compareBytes } from "./added";

/** A text to look for, and the token that it stands for. */
class Needle {
  constructor(
    public at: usize,
    public length: u32,
    public token: AddedToken,
    public place: i32,
  ) {}
}

/** Of two that are looked for alike the special one comes first, then the one that is listed first. */
function order(a: Needle, b: Needle): i32 {
  const texts = compareBytes(a.at, a.length, b.at, b.length);
  if (texts !== 0) return texts;
  if (a.token.special !== b.token.special) return a.token.special ? -1 : 1;
  return a.place - b.place;
}

/**
 * Texts of added tokens as a sorted list, in which those that begin alike are neighbours: searched a byte at a time, so a place in a text
 * takes time by the tokens' lengths and not their number. Mirrors src/text/encode/added.ts.
 */
export class Needles {
  private list: Needle[] = [];
  /** Needles by their first byte: those of byte b are from starts[b] to starts[b + 1] - 1. */
  private starts: StaticArray<i32> = new StaticArray<i32>(257);

  /** @param byContent looks for the contents, not for what normalisation makes of them */
  constructor(tokens: AddedToken[], byContent: bool) {
    const all: Needle[] = [];
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i];
      const at = byContent ? token.at : token.wanted.at;
      const length = byContent ? token.length : token.wanted.length;
      if (length > 0) all.push(new Needle(at, length, token, i));
    }
    all.sort(order);
    for (let i = 0; i < all.length; i++) {
      if (i > 0 && sameBytes(all[i].at, all[i].length, all[i - 1].at, all[i - 1].length)) continue;
      this.list.push(all[i]);
    }
    let next = 0;
    for (let b = 0; b < 256; b++) {
      this.starts[b] = next;
      while (next < this.list.length && load<u8>(this.list[next].at) === <u8>b) next++;
    }
    this.starts[256] = next;
  }

  get empty(): bool {
    return this.list.length === 0;
  }

  /** Bytes of the token that was found last. */
  length: u32 = 0;

  /** The longest token that a text has at its start, with its bytes in `length`; null for none. */
  longestAt(at: usize, length: u32): AddedToken | null {
    const first = load<u8>(at);
    let from = this.starts[first];
    let to = this.starts[<i32>first + 1];
    let found: AddedToken | null = null;
    for (let size: u32 = 1; from < to; size++) {
      // Of those that begin so, the one that ends here comes first.
      const shortest = this.list[from];
      if (shortest.length === size) {
        found = shortest.token;
        this.length = size;
      }
      if (size >= length) break;
      const c = <i32>load<u8>(at + size);
      to = this.firstAbove(from, to, size, c);
      from = this.firstAbove(from, to, size, c - 1);
    }
    return found;
  }

  /** The first needle of a stretch whose byte at `place` is above `c`; shorter ones have none, and are below all. */
  private firstAbove(from: i32, to: i32, place: u32, c: i32): i32 {
    while (from < to) {
      const middle = (from + to) >> 1;
      const needle = this.list[middle];
      if (needle.length <= place || <i32>load<u8>(needle.at + place) <= c) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
