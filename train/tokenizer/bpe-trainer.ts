import { ConfigError } from "../../src/errors.ts";
import { checkOptions, type OptionNames } from "../../src/options.ts";
import { MAX_IDS } from "../../src/text/schema.ts";
import type { NamedText } from "../data/corpus.ts";
import { runSteps, type Steps } from "../data/steps.ts";
import { PairHeap } from "./pair-heap.ts";
import { FIRST_TOKEN, tokenizerFile } from "./tokenizer-file.ts";
import { countWords } from "./words.ts";

export interface TokenizerOptions {
  /** Entries of the vocabulary. */
  readonly vocabSize: number;
  /**
   * Share of the text's characters that get a token of their own, the frequent ones first; the rest falls back to bytes. Default 0.9998.
   */
  readonly coverage?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

const NAMES = { vocabSize: true, coverage: true, onProgress: true } satisfies OptionNames<TokenizerOptions>;
const MIN_COUNT = 2;
/** Longest token in code points, as SentencePiece has it. */
const MAX_LENGTH = 16;

/**
 * Trains a byte-fallback BPE tokenizer (R. Sennrich et al., arXiv 1508.07909): the most frequent pair of neighbouring tokens becomes
 * a token, again and again. The result does not depend on anything but the texts and options.
 * @returns tokenizer.json
 * @throws ConfigError when the vocabulary is smaller than bytes and characters, or larger than the texts can fill; FormatError for texts
 *   that are empty or binary.
 */
export function trainTokenizer(texts: readonly NamedText[], given: TokenizerOptions): Uint8Array {
  checkOptions(given, NAMES, "trainTokenizer");
  const { onProgress, ...options } = given;
  return runSteps(tokenizerSteps(texts, options), onProgress);
}

/** The same in steps, which tell entries of the vocabulary that are there and that are wanted. */
export function* tokenizerSteps(
  texts: readonly NamedText[],
  { vocabSize, coverage = 0.9998 }: Omit<TokenizerOptions, "onProgress">,
): Steps<Uint8Array> {
  if (!Number.isInteger(vocabSize) || vocabSize > MAX_IDS)
    throw new ConfigError(`must be a whole number up to ${MAX_IDS}`, { field: "vocab", limit: MAX_IDS });
  if (!(coverage > 0 && coverage <= 1)) throw new ConfigError("must be above 0 and at most 1", { field: "coverage" });
  const words = yield* countWords(texts);
  const alphabet = frequentCharacters(words, coverage);
  const least = FIRST_TOKEN + alphabet.length;
  if (vocabSize <= least)
    throw new ConfigError(`${vocabSize} is too small: bytes and the ${alphabet.length} characters of the text take ${least} already`, {
      field: "vocab",
      limit: least,
    });
  const merger = new Merger(words, alphabet);
  while (merger.size < vocabSize) {
    if (!merger.step())
      throw new ConfigError(`${vocabSize} is too large: the text fills ${merger.size} entries`, { field: "vocab", limit: merger.size });
    yield [merger.size, vocabSize];
  }
  return tokenizerFile(merger.tokens.slice(FIRST_TOKEN), merger.merges);
}

/** The characters that make up `coverage` of the text, in the order of their code points. */
function frequentCharacters(words: ReadonlyMap<string, number>, coverage: number): string[] {
  const counts = new Map<string, number>();
  let total = 0;
  for (const [word, count] of words) {
    for (const character of word) {
      counts.set(character, (counts.get(character) ?? 0) + count);
      total += count;
    }
  }
  const order = (a: string, b: string): number => (a.codePointAt(0) as number) - (b.codePointAt(0) as number);
  const frequent: string[] = [];
  let covered = 0;
  for (const [character, count] of [...counts].sort(([a, m], [b, n]) => n - m || order(a, b))) {
    if (covered >= coverage * total) break;
    frequent.push(character);
    covered += count;
  }
  return frequent.sort(order);
}

/** The words as lists of token ids, and where each pair of neighbours stands. */
class Merger {
  /** Token strings by id; specials and bytes are empty. */
  readonly tokens: string[];
  readonly merges: [string, string][] = [];
  readonly #ids = new Map<string, number>();
  readonly #words: { ids: number[]; readonly count: number }[] = [];
  readonly #counts = new Map<number, number>();
  /** Words that held a pair at some time. */
  readonly #places = new Map<number, Set<number>>();
  readonly #heap = new PairHeap();

  constructor(words: ReadonlyMap<string, number>, alphabet: readonly string[]) {
    this.tokens = [...Array<string>(FIRST_TOKEN).fill(""), ...alphabet];
    alphabet.forEach((character, i) => this.#ids.set(character, FIRST_TOKEN + i));
    for (const [word, count] of words) {
      // A character that falls back to bytes ends what can be merged.
      let run: number[] = [];
      for (const character of [...word, undefined]) {
        const id = character === undefined ? undefined : this.#ids.get(character);
        if (id !== undefined) run.push(id);
        else {
          if (run.length > 1) this.#words.push({ ids: run, count });
          run = [];
        }
      }
    }
    this.#words.forEach(({ ids, count }, word) => {
      for (let i = 1; i < ids.length; i++) this.#change(ids[i - 1]!, ids[i]!, count, word);
    });
    for (const [key, count] of this.#counts) this.#heap.push({ left: Math.floor(key / MAX_IDS), right: key % MAX_IDS, count });
  }

  get size(): number {
    return this.tokens.length;
  }

  /** Merges the most frequent pair; false when none is left that is frequent enough. */
  step(): boolean {
    for (;;) {
      const best = this.#heap.pop();
      if (best === undefined || best.count < MIN_COUNT) return false;
      const key = best.left * MAX_IDS + best.right;
      // Counts change after pairs are queued: only an entry that is still true counts.
      if (this.#counts.get(key) !== best.count) continue;
      const [left, right] = [this.tokens[best.left]!, this.tokens[best.right]!];
      if ([...left, ...right].length > MAX_LENGTH) continue;
      this.#merge(best.left, best.right, left + right, key);
      this.merges.push([left, right]);
      return true;
    }
  }

  #merge(left: number, right: number, token: string, key: number): void {
    // Two pairs can spell the same token.
    const merged = this.#ids.get(token) ?? this.tokens.push(token) - 1;
    this.#ids.set(token, merged);
    const touched = new Set<number>();
    for (const word of this.#places.get(key) ?? []) {
      const { ids, count } = this.#words[word]!;
      const out: number[] = [];
      for (let i = 0; i < ids.length; i++) {
        if (ids[i] === left && ids[i + 1] === right) {
          out.push(merged);
          i++;
        } else {
          out.push(ids[i]!);
        }
      }
      if (out.length === ids.length) continue;
      for (let i = 1; i < ids.length; i++) touched.add(this.#change(ids[i - 1]!, ids[i]!, -count, word));
      for (let i = 1; i < out.length; i++) touched.add(this.#change(out[i - 1]!, out[i]!, count, word));
      this.#words[word]!.ids = out;
    }
    this.#places.delete(key);
    for (const pair of touched) {
      const count = this.#counts.get(pair) as number;
      if (count === 0) this.#counts.delete(pair);
      else this.#heap.push({ left: Math.floor(pair / MAX_IDS), right: pair % MAX_IDS, count });
    }
  }

  #change(left: number, right: number, count: number, word: number): number {
    const key = left * MAX_IDS + right;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + count);
    if (count > 0) {
      const places = this.#places.get(key);
      if (places === undefined) this.#places.set(key, new Set([word]));
      else places.add(word);
    }
    return key;
  }
}
