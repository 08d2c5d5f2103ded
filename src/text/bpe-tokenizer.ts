import { TokenizerError, UsageError } from "../errors.ts";
import { readDecoder, type ByteDecoder, type TokenPlace } from "./bytes.ts";
import { AddedTokenSplitter } from "./encode/added.ts";
import { Merger } from "./encode/merger.ts";
import { hasStep } from "./encode/parts.ts";
import { readNormalizer } from "./encode/normalizer.ts";
import type { Normalizer } from "./encode/normalizer.ts";
import { readPreTokenizer, removesText } from "./encode/pre-tokenizer.ts";
import type { PreTokenizer } from "./encode/pre-tokenizer.ts";
import { checkRoom, placesIn, type Run, type Stretch } from "./encode/run.ts";
import { readTemplate } from "./encode/template.ts";
import type { Template } from "./encode/template.ts";
import { MAX_STRETCH, WordEncoder } from "./encode/words.ts";
import type { AddedToken, TokenizerFile } from "./schema.ts";
import { checkOptions } from "../options.ts";
import type { Tokenizer } from "./tokenizer.ts";
import {
  DECODE_OPTIONS,
  ENCODE_OPTIONS,
  ENCODE_WITHIN_OPTIONS,
  type DecodeOptions,
  type EncodeOptions,
  type EncodeWithinOptions,
} from "./tokenizer-options.ts";
import { paced } from "./within.ts";

/** Longest text in UTF-16 units, and longest stretch of it in which every character may merge with the next. */
export const TEXT_LIMITS = { text: 4 * 1024 * 1024, stretch: MAX_STRETCH } as const;

/** UTF-16 units of text between two chances to stop. */
const SLICE = 4096;
const NOWHERE: ReadonlySet<number> = new Set();
const NONE: ReadonlySet<number> = new Set();

interface Splitters {
  readonly raw: AddedTokenSplitter;
  readonly normalized: AddedTokenSplitter;
}

/** Text to ids and back as `tokenizers` does, with BPE as the model. Encoding is a generator: it can stop anywhere, and pause. */
export class BpeTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly specialIds: ReadonlySet<number>;
  readonly #file: string;
  readonly #normalizer: Normalizer;
  readonly #preTokenizer: PreTokenizer | undefined;
  readonly #words: WordEncoder;
  readonly #template: Template;
  readonly #decoder: ByteDecoder;
  /** UTF-16 units of text that a token stands for at most. */
  readonly #longest: number;
  /** Added tokens may take the white space around them. */
  readonly #swallows: boolean;
  /** Text may leave no token. */
  readonly #loses: boolean;
  readonly #added: ReadonlyMap<number, string>;
  readonly #addedIds: ReadonlyMap<string, number>;
  readonly #splitters: { readonly all: Splitters; readonly plain: Splitters; readonly special: AddedTokenSplitter };

  constructor(source: TokenizerFile) {
    const { file, model, addedTokens } = source;
    this.#file = file;
    this.#template = readTemplate(source.postProcessor, file);
    this.#decoder = readDecoder(source.decoder, file);
    this.#normalizer = readNormalizer(source.normalizer, file);
    this.#preTokenizer = readPreTokenizer(source.preTokenizer, file);
    this.#words = new WordEncoder(
      model,
      [source.normalizer, source.preTokenizer].some((part) => part !== undefined && hasStep(part, "ByteLevel")),
      file,
    );
    this.#added = new Map(addedTokens.map((token) => [token.id, token.content]));
    this.#addedIds = new Map(addedTokens.map((token) => [token.content, token.id]));
    const special = addedTokens.filter((token) => token.special === true);
    this.#splitters = {
      all: this.#split(addedTokens),
      plain: this.#split(addedTokens.filter((token) => token.special !== true)),
      special: new AddedTokenSplitter(special, (token) => token.content),
    };
    this.specialIds = new Set(special.map((token) => token.id));
    const { tokens, longest } = this.#words.vocabulary;
    this.vocabSize = addedTokens.reduce((size, token) => Math.max(size, token.id + 1), tokens.length);
    this.#longest = addedTokens.reduce((most, token) => Math.max(most, token.content.length), longest) * this.#normalizer.shrink;
    this.#swallows = addedTokens.some((token) => token.lstrip === true || token.rstrip === true);
    this.#loses = this.#words.losesText || (source.preTokenizer !== undefined && removesText(source.preTokenizer));
    for (const id of [...this.#template.before, ...this.#template.after]) {
      if (this.idToToken(id) === undefined) throw new TokenizerError(`the id ${id} has no token`, { file, field: "post_processor" });
    }
  }

  get strip(): ByteDecoder["strip"] {
    return this.#decoder.strip;
  }

  get endMatters(): boolean {
    return this.#decoder.endMatters;
  }

  encode(text: string, options: EncodeOptions = {}): Uint32Array {
    checkOptions(options, ENCODE_OPTIONS, "encode");
    const steps = this.#encode(text, options);
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) return value;
    }
  }

  count(text: string, options: EncodeOptions = {}): number {
    return this.encode(text, options).length;
  }

  async encodeWithin(text: string, limit: number, options: EncodeWithinOptions = {}): Promise<Uint32Array> {
    checkOptions(options, ENCODE_WITHIN_OPTIONS, "encodeWithin");
    options.signal?.throwIfAborted();
    return paced(this.#encode(text, { ...options, maxTokens: limit }), options);
  }

  leastTokens(text: string): number {
    if (this.#loses || this.#longest === Infinity) return 0;
    const units = this.#swallows ? text.replace(/\p{White_Space}+/gu, "").length : text.length;
    return Math.ceil(units / this.#longest);
  }

  specialsIn(text: string): number[] {
    return this.#splitters.special.starts(text);
  }

  specialAt(text: string, at: number): { readonly id: number; readonly length: number } | undefined {
    return this.#splitters.special.at(text, at);
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    checkOptions(options, DECODE_OPTIONS, "decode");
    const skip = options.skipSpecial !== false;
    const chunks: Uint8Array[] = [];
    let size = 0;
    const kept = Array.from(ids).filter((id) => !(skip && this.specialIds.has(id)) && this.idToToken(id) !== undefined);
    kept.forEach((id, i) => {
      const bytes = this.idToBytes(id, { first: i === 0 && options.continuation !== true, last: i === kept.length - 1 });
      chunks.push(bytes);
      size += bytes.length;
    });
    const all = new Uint8Array(size);
    let offset = 0;
    for (const chunk of chunks) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(all);
    if (options.continuation === true) return text;
    let start = 0;
    while (start < this.strip.count && text[start] === this.strip.char) start++;
    return text.slice(start);
  }

  idToBytes(id: number, place: TokenPlace = {}): Uint8Array {
    const token = this.idToToken(id);
    return token === undefined ? new Uint8Array(0) : this.#decoder.bytes(token, place);
  }

  idToToken(id: number): string | undefined {
    return this.#added.get(id) ?? this.#words.vocabulary.tokens[id];
  }

  tokenToId(token: string): number | undefined {
    return this.#addedIds.get(token) ?? this.#words.vocabulary.ids.get(token);
  }

  *#encode(text: string, options: EncodeOptions): Generator<void, Uint32Array, void> {
    if (typeof text !== "string") throw new UsageError("the text to encode must be a string", { field: "text" });
    if (text.length > TEXT_LIMITS.text) {
      throw new TokenizerError(`${text.length} characters are too many; the limit is ${TEXT_LIMITS.text}. Split the text`, {
        file: this.#file,
        field: "text",
        limit: TEXT_LIMITS.text,
      });
    }
    const around = options.addBos === false ? { before: [], after: [] } : this.#template;
    const parse = options.parseSpecial !== false;
    const literal = options.literal ?? NOWHERE;
    const run: Run = {
      ids: [...around.before],
      merger: new Merger(this.#words.vocabulary),
      units: 0,
      limit: options.maxTokens ?? Infinity,
      after: around.after.length,
      hidden: parse && literal.size === 0 ? NONE : this.specialIds,
    };
    checkRoom(run, this.leastTokens(text));
    const splitters = parse ? this.#splitters.all : this.#splitters.plain;
    for (const section of splitters.raw.split(text.replace(/\p{Surrogate}/gu, "\ufffd"), literal)) {
      if ("id" in section) {
        run.ids.push(section.id);
        continue;
      }
      const places = placesIn(section, literal);
      if (places.size > 0) yield* this.#encodeLiteral(section, places, run);
      else yield* this.#encodeSection(section, splitters.normalized, run);
    }
    run.ids.push(...around.after);
    checkRoom({ ...run, after: 0 }, 0);
    return Uint32Array.from(run.ids);
  }

  /** Encodes the text between two tokens that are looked for before normalisation. */
  *#encodeSection(section: Stretch, splitter: AddedTokenSplitter, run: Run): Generator<void, void, void> {
    const normalized = this.#normalizer.apply(section.text);
    for (const part of splitter.split(normalized)) {
      if ("id" in part) run.ids.push(part.id);
      else yield* this.#encodePlain(part.text, section.at === 0 && part.at === 0 && !this.#dropsStart(section.text), run);
    }
  }

  /** The same where special tokens are not to be seen at some places: those are lost in normalised text, so they are looked for before. */
  *#encodeLiteral(section: Stretch, literal: ReadonlySet<number>, run: Run): Generator<void, void, void> {
    for (const part of this.#splitters.special.split(section.text, literal)) {
      if ("id" in part) run.ids.push(part.id);
      else yield* this.#encodeSection({ text: part.text, at: section.at + part.at }, this.#splitters.plain.normalized, run);
    }
  }

  /** @param first the text begins where the whole input begins */
  *#encodePlain(text: string, first: boolean, run: Run): Generator<void, void, void> {
    for (const word of this.#preTokenizer?.(text, first) ?? [{ text }]) {
      yield* this.#words.encode(word.text, run.merger, run.hidden, run.ids);
      checkRoom(run, 0);
      run.units += word.text.length;
      if (run.units < SLICE) continue;
      run.units = 0;
      yield;
    }
  }

  /** Whether the normaliser takes the first character away: what is left then begins elsewhere. */
  #dropsStart(text: string): boolean {
    return text !== "" && this.#normalizer.apply(`${String.fromCodePoint(text.codePointAt(0)!)}x`) === this.#normalizer.apply("x");
  }

  /** Two searches: before normalisation, and after it for tokens that are to be found in normalised text. */
  #split(tokens: readonly AddedToken[]): Splitters {
    const normalize = (token: AddedToken): boolean => token.normalized ?? token.special !== true;
    return {
      raw: new AddedTokenSplitter(
        tokens.filter((token) => !normalize(token)),
        (token) => token.content,
      ),
      normalized: new AddedTokenSplitter(tokens.filter(normalize), (token) => this.#normalizer.apply(token.content)),
    };
  }
}
