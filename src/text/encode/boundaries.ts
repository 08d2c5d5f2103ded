const HASH_BITS = 20;

/**
 * Where a word can be cut without changing its BPE tokens.
 *
 * A merge that joins the symbols A and B reaches over the boundary between A's last character x and B's first character
 * y. So where no merge of the model has such an x and y, no merge can ever reach over x|y, and both sides may be merged
 * on their own. SentencePiece models have no pre-tokenizer: their "word" is the whole text, and these cuts make it short
 * pieces that the library's cache knows.
 *
 * The pairs are kept in a hashed bit set: a collision only loses a cut, never makes a wrong one.
 */
export class MergeBoundaries {
  readonly #bits = new Uint32Array(1 << (HASH_BITS - 5));

  /** Two tokens merge. */
  add(left: string, right: string): void {
    const hash = pairHash(lastCodePoint(left), right.codePointAt(0)!);
    this.#bits[hash >>> 5]! |= 1 << (hash & 31);
  }

  /** Cuts a word at every such boundary. */
  split(word: string): string[] {
    const pieces: string[] = [];
    let start = 0;
    let previous = -1;
    for (let i = 0; i < word.length;) {
      const code = word.codePointAt(i)!;
      if (previous >= 0 && !this.#joins(previous, code)) {
        pieces.push(word.slice(start, i));
        start = i;
      }
      previous = code;
      i += code > 0xffff ? 2 : 1;
    }
    if (start < word.length) pieces.push(word.slice(start));
    return pieces;
  }

  #joins(left: number, right: number): boolean {
    const hash = pairHash(left, right);
    return (this.#bits[hash >>> 5]! & (1 << (hash & 31))) !== 0;
  }
}

function pairHash(left: number, right: number): number {
  return Math.imul(Math.imul(left, 0x9e3779b1) ^ right, 0x85ebca6b) >>> (32 - HASH_BITS);
}

function lastCodePoint(text: string): number {
  const pair = text.length > 1 ? text.codePointAt(text.length - 2)! : 0;
  return pair > 0xffff ? pair : text.charCodeAt(text.length - 1);
}
