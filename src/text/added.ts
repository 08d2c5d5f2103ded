import type { AddedToken } from "./schema.ts";

/** A part of a text: an added token, or the text between two of them and where it starts. */
export type Section = { readonly id: number } | { readonly text: string; readonly at: number };

interface Node {
  next: Map<number, Node> | undefined;
  token: AddedToken | undefined;
}

/** Finds added tokens in a text: at each position the longest one, from left to right. */
export class AddedTokenSplitter {
  readonly #root: Node = { next: undefined, token: undefined };

  /** `content` gives the string to look for, which for normalised tokens is not `token.content`. */
  constructor(tokens: readonly AddedToken[], content: (token: AddedToken) => string) {
    for (const token of tokens) {
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
  split(text: string, literal?: ReadonlySet<number>): Section[] {
    if (text === "") return [];
    if (this.#root.next === undefined) return [{ text, at: 0 }];
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

function skipBack(text: string, from: number, to: number): number {
  while (to > from && WHITE_SPACE.test(text[to - 1]!)) to--;
  return to;
}

function skipForward(text: string, from: number): number {
  while (from < text.length && WHITE_SPACE.test(text[from]!)) from++;
  return from;
}
