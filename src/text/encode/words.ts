import { TokenizerError } from "../../errors.ts";
import type { BpeModel } from "../schema.ts";
import { MergeBoundaries } from "./boundaries.ts";
import { CHAR_OF_BYTE } from "./characters.ts";
import type { Merger } from "./merger.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Longest stretch of a text, in UTF-16 units, in which every character may merge with the next. */
export const MAX_STRETCH = 256 * 1024;
/** Characters or merges between two chances to stop. */
const SLICE = 4096;
/**
 * Pieces of words whose ids are remembered: how many, and up to which length. Longer slices of a string keep the whole
 * text alive (V8 shares from 13 characters on).
 */
const CACHE = { entries: 1 << 14, length: 12 } as const;

const ENCODER = new TextEncoder();

/** Makes token ids of words, as `tokenizers::models::BPE` does, every option but dropout. */
export class WordEncoder {
  readonly vocabulary: Vocabulary;
  readonly #file: string;
  /** undefined where a word must not be cut: its characters are other symbols at its start or end. */
  readonly #boundaries: MergeBoundaries | undefined;
  readonly #cache = new Map<string, readonly number[]>();
  readonly #model: Omit<BpeModel, "vocab" | "merges">;
  readonly #unknown: number | undefined;
  readonly #byteIds: readonly (number | undefined)[];
  /** Every byte has a token, by GPT-2's table or by name. */
  readonly #complete: boolean;

  /** @param byteLevel words are bytes, as GPT-2's characters */
  constructor(model: BpeModel, byteLevel: boolean, file: string) {
    this.#file = file;
    const { vocab: _, merges: __, ...options } = model;
    this.#model = options;
    this.vocabulary = new Vocabulary(model, file);
    const { ids } = this.vocabulary;
    this.#unknown = typeof model.unk_token === "string" ? ids.get(model.unk_token) : undefined;
    this.#byteIds = Array.from({ length: 256 }, (_, byte) => (model.byte_fallback === true ? ids.get(byteToken(byte)) : undefined));
    this.#complete = this.#byteIds.every((id) => id !== undefined) || (byteLevel && CHAR_OF_BYTE.every((char) => ids.has(char)));
    this.#boundaries = this.#cuts();
  }

  /** Whether characters may leave no token of their own: unknown ones that are left out, or joined. */
  get losesText(): boolean {
    if (this.#unknown === undefined) return !this.#complete;
    return this.#model.fuse_unk === true && !this.#byteIds.every((id) => id !== undefined);
  }

  /**
   * Appends the ids of a word; pauses now and then.
   * @param merger the caller's own: another text may be encoded in a pause
   * @param special ids that a whole word is not taken for
   */
  *encode(word: string, merger: Merger, special: ReadonlySet<number>, out: number[]): Generator<void, void, void> {
    const whole = this.#model.ignore_merges === true ? this.vocabulary.ids.get(word) : undefined;
    if (whole !== undefined && !special.has(whole)) {
      out.push(whole);
      return;
    }
    let previous: number | undefined;
    for (const piece of this.#boundaries?.split(this.#known(word)) ?? [word]) {
      const ids = this.#cache.get(piece) ?? (yield* this.#encodePiece(piece, merger));
      // Unknown characters of one word that stand together become one token.
      const from = this.#model.fuse_unk === true && previous !== undefined && previous === this.#unknown && ids[0] === previous ? 1 : 0;
      for (let i = from; i < ids.length; i++) out.push(ids[i]!);
      if (ids.length > 0) previous = ids[ids.length - 1];
    }
  }

  *#encodePiece(piece: string, merger: Merger): Generator<void, readonly number[], void> {
    if (piece.length > MAX_STRETCH) {
      throw new TokenizerError(`${piece.length} characters are too many; the limit is ${MAX_STRETCH}. Split the text`, {
        file: this.#file,
        field: "text: a stretch without a place to cut",
        limit: MAX_STRETCH,
      });
    }
    const symbols = yield* this.#symbols(piece);
    const out: number[] = [];
    merger.begin(symbols);
    while (!merger.run(SLICE)) yield;
    merger.read(out);
    if (piece.length <= CACHE.length) this.#remember(piece, out);
    return out;
  }

  /** One symbol a character that is known; byte tokens, the unknown token or nothing for another one. */
  *#symbols(piece: string): Generator<void, number[], void> {
    const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix, fuse_unk: fuse } = this.#model;
    const { ids } = this.vocabulary;
    const symbols: number[] = [];
    const unknown = this.#unknown;
    // An unknown token waits for the next known character; byte tokens pass it, as they do in the reference.
    let waiting = false;
    for (let i = 0; i < piece.length;) {
      const size = piece.codePointAt(i)! > 0xffff ? 2 : 1;
      let character = piece.slice(i, i + size);
      if (i > 0 && prefix) character = prefix + character;
      i += size;
      if (i === piece.length && suffix) character += suffix;
      const id = ids.get(character);
      const bytes = id === undefined ? this.#bytes(character) : undefined;
      if (bytes !== undefined) {
        symbols.push(...bytes);
      } else if (id !== undefined) {
        if (waiting) symbols.push(unknown!);
        waiting = false;
        symbols.push(id);
      } else if (unknown !== undefined) {
        if (waiting && fuse !== true) symbols.push(unknown);
        waiting = true;
      }
      if (i % SLICE === 0) yield;
    }
    if (waiting) symbols.push(unknown!);
    return symbols;
  }

  #bytes(character: string): number[] | undefined {
    if (this.#model.byte_fallback !== true) return undefined;
    const bytes: number[] = [];
    for (const byte of ENCODER.encode(character)) {
      const id = this.#byteIds[byte];
      if (id === undefined) return undefined;
      bytes.push(id);
    }
    return bytes;
  }

  /** A word without the characters that leave no symbol: what stands around them may merge. */
  #known(word: string): string {
    if (this.#unknown !== undefined || this.#complete) return word;
    let kept = "";
    let from = 0;
    for (let i = 0; i < word.length;) {
      const size = word.codePointAt(i)! > 0xffff ? 2 : 1;
      const character = word.slice(i, i + size);
      if (!this.vocabulary.ids.has(character) && this.#bytes(character) === undefined) {
        kept += word.slice(from, i);
        from = i + size;
      }
      i += size;
    }
    return from === 0 ? word : kept + word.slice(from);
  }

  #cuts(): MergeBoundaries | undefined {
    const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix } = this.#model;
    if (prefix || suffix) return undefined;
    // Where only some bytes have tokens, they pass unknown tokens before them.
    if (this.#model.byte_fallback === true && this.#unknown !== undefined && !this.#complete) return undefined;
    // A token that stands for other characters than its own may merge where the characters do not show it.
    const odd = new Set<number | undefined>([...this.#byteIds, this.#unknown]);
    const { vocabulary } = this;
    const boundaries = new MergeBoundaries();
    for (const [left, right] of vocabulary.pairs()) {
      if (odd.has(left) || odd.has(right)) return undefined;
      boundaries.add(vocabulary.tokens[left]!, vocabulary.tokens[right]!);
    }
    return boundaries;
  }

  #remember(piece: string, ids: readonly number[]): void {
    if (this.#cache.size >= CACHE.entries) this.#cache.clear();
    this.#cache.set(piece, ids);
  }
}

function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}
