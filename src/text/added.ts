import type { AddedToken } from "./schema.ts";

/** A part of a text: an added token, or the text between two of them and where it starts. */
export type Section = { readonly id: number } | { readonly text: string; readonly at: number };

/** A string to look for, and the token that it stands for. */
interface Needle {
  readonly text: string;
  readonly token: AddedToken;
}

/** Needles `from` to `to - 1` of the sorted list. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * Finds added tokens in a text: at each position the longest one, from left to right. They are kept as a sorted list, which takes little
 * memory however many there are, and searched a character at a time: those that begin as the text goes on are neighbours in it.
 */
export class AddedTokenSplitter {
  readonly #needles: readonly Needle[];
  /** Stretches by their first character. */
  readonly #starts = new Map<number, Stretch>();

  /** `content` gives the string to look for, which for normalised tokens is not `token.content`. */
  constructor(tokens: readonly AddedToken[], content: (token: AddedToken) => string) {
    const seen = new Set<string>();
    const needles: Needle[] = [];
    for (const token of tokens) {
      const text = content(token);
      if (text === "" || seen.has(text)) continue;
      seen.add(text);
      needles.push({ text, token });
    }
    // By UTF-16 units, as `<` compares strings.
    this.#needles = needles.sort((a, b) => (a.text < b.text ? -1 : 1));
    needles.forEach(({ text }, i) => {
      const first = text.charCodeAt(0);
      this.#starts.set(first, { from: this.#starts.get(first)?.from ?? i, to: i + 1 });
    });
  }

  /** Every place where a token begins, overlapping ones too. */
  starts(text: string): number[] {
    const places: number[] = [];
    if (this.#needles.length === 0) return places;
    for (let i = 0; i < text.length; i++) if (this.#longestAt(text, i) !== undefined) places.push(i);
    return places;
  }

  /**
   * Sections in order; joined they give the text, less the white space that tokens with lstrip or rstrip take.
   * @param literal places where no token is looked for
   */
  split(text: string, literal?: ReadonlySet<number>): Section[] {
    if (text === "") return [];
    if (this.#needles.length === 0) return [{ text, at: 0 }];
    const sections: Section[] = [];
    let start = 0;
    let i = 0;
    while (i < text.length) {
      const found = literal?.has(i) === true ? undefined : this.#longestAt(text, i);
      if (found === undefined) {
        i++;
        continue;
      }
      const end = found.token.lstrip === true ? skipBack(text, start, i) : i;
      if (end > start) sections.push({ text: text.slice(start, end), at: start });
      sections.push({ id: found.token.id });
      i = found.token.rstrip === true ? skipForward(text, found.end) : found.end;
      start = i;
    }
    if (start < text.length) sections.push({ text: text.slice(start), at: start });
    return sections;
  }

  #longestAt(text: string, start: number): { token: AddedToken; end: number } | undefined {
    const stretch = this.#starts.get(text.charCodeAt(start));
    if (stretch === undefined) return undefined;
    let { from, to } = stretch;
    let found: { token: AddedToken; end: number } | undefined;
    for (let length = 1; ; length++) {
      // Of those that begin so, the one that ends here comes first.
      const { text: shortest, token } = this.#needles[from]!;
      if (shortest.length === length) found = { token, end: start + length };
      const next = start + length;
      if (next >= text.length) return found;
      const c = text.charCodeAt(next);
      to = this.#firstAbove(from, to, length, c);
      from = this.#firstAbove(from, to, length, c - 1);
      if (from === to) return found;
    }
  }

  /** The first needle of a stretch whose character at `at` is above `c`; shorter ones have none, and are below all. */
  #firstAbove(from: number, to: number, at: number, c: number): number {
    while (from < to) {
      const middle = (from + to) >>> 1;
      const { text } = this.#needles[middle]!;
      if (text.length <= at || text.charCodeAt(at) <= c) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

const WHITE_SPACE = /^\p{White_Space}$/u;

function skipBack(text: string, from: number, to: number): number {
  while (to > from && WHITE_SPACE.test(text[to - 1]!)) to--;
  return to;
}

function skipForward(text: string, from: number): number {
  while (from < text.length && WHITE_SPACE.test(text[from]!)) from++;
  return from;
}
