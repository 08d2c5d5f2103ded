import type { AddedToken } from "../schema.ts";
import { WORD } from "./characters.ts";

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
 * Finds added tokens in a text, as `AddedVocabulary` of tokenizers does: from left to right, at each position the longest one;
 * what a token with `single_word` or a place that is taken literally gives up, no other token gets. They are kept as a sorted list, which
 * takes little memory however many there are, and searched a character at a time: those that begin alike are neighbours in it.
 */
export class AddedTokenSplitter {
  readonly #needles: readonly Needle[];
  /** Stretches by their first character. */
  readonly #starts = new Map<number, Stretch>();

  /** `content` gives the string to look for, which for normalised tokens is not `token.content`. */
  constructor(tokens: readonly AddedToken[], content: (token: AddedToken) => string) {
    const seen = new Set<string>();
    const needles: Needle[] = [];
    // Of two that are looked for alike, the special one counts.
    for (const token of [...tokens].sort((a, b) => Number(b.special === true) - Number(a.special === true))) {
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

  /** The longest token that begins at a place. */
  at(text: string, place: number): { readonly id: number; readonly length: number } | undefined {
    const found = this.#longestAt(text, place);
    return found === undefined ? undefined : { id: found.token.id, length: found.end - place };
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
  *split(text: string, literal?: ReadonlySet<number>): Generator<Section, void, void> {
    let start = 0;
    for (let i = 0; this.#needles.length > 0 && i < text.length;) {
      const found = literal?.has(i) === true ? undefined : this.#longestAt(text, i);
      if (found === undefined) {
        i++;
        continue;
      }
      const { token, end } = found;
      if (token.single_word !== true || isWord(text, i, end)) {
        // White space that the token before has taken stays its own.
        const from = token.lstrip === true ? skipBack(text, Math.min(start, i), i) : i;
        if (from > start) yield { text: text.slice(start, from), at: start };
        yield { id: token.id };
        start = token.rstrip === true ? skipForward(text, end) : end;
      }
      i = end;
    }
    if (start < text.length) yield { text: text.slice(start), at: start };
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
const WORD_BEFORE = new RegExp(`[${WORD}]$`, "u");
const WORD_AFTER = new RegExp(`^[${WORD}]`, "u");

/** Whether no letter stands right before or after. */
function isWord(text: string, from: number, to: number): boolean {
  return !WORD_BEFORE.test(text.slice(Math.max(0, from - 2), from)) && !WORD_AFTER.test(text.slice(to, to + 2));
}

function skipBack(text: string, from: number, to: number): number {
  while (to > from && WHITE_SPACE.test(text[to - 1]!)) to--;
  return to;
}

function skipForward(text: string, from: number): number {
  while (from < text.length && WHITE_SPACE.test(text[from]!)) from++;
  return from;
}
