import type { AddedToken } from "../schema.ts";
import { WORD } from "./characters.ts";

/** A part of a text: an added token, or the text between two of them and where it starts. */
export type Section = { readonly id: number } | { readonly text: string; readonly at: number };

interface Node {
  next: Map<number, Node> | undefined;
  token: AddedToken | undefined;
}

/**
 * Finds added tokens in a text, as `AddedVocabulary` of tokenizers does: from left to right, at each position the longest one;
 * what a token with `single_word` or a place that is taken literally gives up, no other token gets.
 */
export class AddedTokenSplitter {
  readonly #root: Node = { next: undefined, token: undefined };

  /** `content` gives the string to look for, which for normalised tokens is not `token.content`. */
  constructor(tokens: readonly AddedToken[], content: (token: AddedToken) => string) {
    // Of two that are looked for alike, the special one counts.
    for (const token of [...tokens].sort((a, b) => Number(b.special === true) - Number(a.special === true))) {
      let node = this.#root;
      const text = content(token);
      if (text === "") continue;
      for (let i = 0; i < text.length; i++) {
        node.next ??= new Map();
        let child = node.next.get(text.charCodeAt(i));
        if (child === undefined) node.next.set(text.charCodeAt(i), (child = { next: undefined, token: undefined }));
        node = child;
      }
      node.token ??= token;
    }
  }

  /** Every place where a token begins, overlapping ones too. */
  starts(text: string): number[] {
    const places: number[] = [];
    if (this.#root.next === undefined) return places;
    for (let i = 0; i < text.length; i++) if (this.#longestAt(text, i) !== undefined) places.push(i);
    return places;
  }

  /**
   * Sections in order; joined they give the text, less the white space that tokens with lstrip or rstrip take.
   * @param literal places where no token is looked for
   */
  *split(text: string, literal?: ReadonlySet<number>): Generator<Section, void, void> {
    let start = 0;
    for (let i = 0; this.#root.next !== undefined && i < text.length; ) {
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
    let node: Node | undefined = this.#root;
    let found: { token: AddedToken; end: number } | undefined;
    for (let i = start; i < text.length; i++) {
      node = node.next?.get(text.charCodeAt(i));
      if (node === undefined) break;
      if (node.token !== undefined) found = { token: node.token, end: i + 1 };
    }
    return found;
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
