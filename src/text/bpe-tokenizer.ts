import { Tokenizer as Library } from "@huggingface/tokenizers";
import { TokenizerError, UsageError } from "../errors.ts";
import { AddedTokenSplitter } from "./added.ts";
import { MergeBoundaries } from "./boundaries.ts";
import { readDecoder } from "./bytes.ts";
import type { ByteDecoder } from "./bytes.ts";
import { normalizerConfig, preTokenizerConfig } from "./pipeline.ts";
import type { AddedToken, TokenizerFile } from "./schema.ts";
import { readTemplate } from "./template.ts";
import type { Template } from "./template.ts";
import { checkOptions } from "../options.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { DECODE_OPTIONS, ENCODE_OPTIONS, type DecodeOptions, type EncodeOptions } from "./tokenizer-options.ts";

/** Longest text in UTF-16 units, and longest stretch of it in which every character may merge with the next. */
export const TEXT_LIMITS = { text: 4 * 1024 * 1024, stretch: 256 * 1024 } as const;

/**
 * Pieces of words whose ids are remembered: how many, and up to which length. Longer slices of a string keep the whole
 * text alive (V8 shares from 13 characters on).
 */
const CACHE = { entries: 1 << 14, length: 12 } as const;

const NOWHERE: ReadonlySet<number> = new Set();

/** Those places that lie in a section, counted from its start. */
function placesIn(section: { readonly text: string; readonly at: number }, places: ReadonlySet<number>): ReadonlySet<number> {
  const found = new Set<number>();
  if (places.size === 0) return found;
  for (let i = 0; i < section.text.length; i++) if (places.has(section.at + i)) found.add(i);
  return found;
}

/** The parts of the library's object that are used, all of them public. */
interface LibraryParts {
  readonly normalizer: { normalize(text: string): string } | null;
  readonly pre_tokenizer: { pre_tokenize(text: string, options: { section_index: number }): string[] } | null;
  readonly model: {
    _call(words: string[]): string[];
    readonly tokens_to_ids: ReadonlyMap<string, number>;
    readonly vocab: readonly string[];
    readonly unk_token_id?: number;
    merges: unknown[];
    max_length_to_cache: number;
  };
}

interface Splitters {
  readonly raw: AddedTokenSplitter;
  readonly normalized: AddedTokenSplitter;
}

/**
 * The library normalises, pre-tokenises and merges. Added tokens, the template and decoding are done here, because
 * there the library departs from the reference implementation or has no option (see RATIONALE.md).
 */
export class BpeTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly specialIds: ReadonlySet<number>;
  readonly #file: string;
  readonly #parts: LibraryParts;
  readonly #template: Template;
  readonly #decoder: ByteDecoder;
  readonly #boundaries: MergeBoundaries;
  readonly #cache = new Map<string, readonly number[]>();
  readonly #ignoreMerges: boolean;
  readonly #fuseUnknown: boolean;
  readonly #added: ReadonlyMap<number, string>;
  readonly #addedIds: ReadonlyMap<string, number>;
  readonly #splitters: { readonly all: Splitters; readonly plain: Splitters; readonly special: AddedTokenSplitter };

  constructor(source: TokenizerFile) {
    const { file, model, addedTokens } = source;
    this.#file = file;
    this.#template = readTemplate(source.postProcessor, file);
    this.#decoder = readDecoder(source.decoder, file);
    if (model.ignore_merges === true && (source.preTokenizer === undefined || source.preTokenizer.type === "Metaspace")) {
      // Else a text that is the name of a special token would become one, asked for or not.
      throw new TokenizerError("needs a pre-tokenizer that splits words", { file, field: "model.ignore_merges" });
    }
    // Whole words are looked up here: the library would also take the pieces of a word for words.
    const libraryModel = { ...model, type: "BPE", ignore_merges: false };
    const config = {
      added_tokens: [],
      normalizer: normalizerConfig(source.normalizer, file),
      pre_tokenizer: preTokenizerConfig(source.preTokenizer, file),
      post_processor: null,
      decoder: null,
      model: libraryModel,
    };
    this.#parts = this.#guard(() => new Library(config, {}) as unknown as LibraryParts);
    // Its cache slows down a thousandfold on text that repeats one word, so there is one here.
    this.#parts.model.max_length_to_cache = 0;
    this.#boundaries = new MergeBoundaries(model.merges);
    // It reads only the tables it made from these; a third of the memory is theirs.
    this.#parts.model.merges = libraryModel.merges = [];
    libraryModel.vocab = {};
    this.#ignoreMerges = model.ignore_merges === true;
    this.#fuseUnknown = model.fuse_unk === true;
    this.#added = new Map(addedTokens.map((token) => [token.id, token.content]));
    this.#addedIds = new Map(addedTokens.map((token) => [token.content, token.id]));
    const special = addedTokens.filter((token) => token.special === true);
    this.#splitters = {
      all: this.#split(addedTokens),
      plain: this.#split(addedTokens.filter((token) => token.special !== true)),
      special: new AddedTokenSplitter(special, (token) => token.content),
    };
    this.specialIds = new Set(special.map((token) => token.id));
    this.vocabSize = addedTokens.reduce((size, token) => Math.max(size, token.id + 1), this.#parts.model.vocab.length);
    for (const id of [...this.#template.before, ...this.#template.after]) {
      if (this.idToToken(id) === undefined) throw new TokenizerError(`the id ${id} has no token`, { file, field: "post_processor" });
    }
  }

  get strip(): ByteDecoder["strip"] {
    return this.#decoder.strip;
  }

  encode(text: string, options: EncodeOptions = {}): Uint32Array {
    checkOptions(options, ENCODE_OPTIONS, "encode");
    if (typeof text !== "string") throw new UsageError("the text to encode must be a string", { field: "text" });
    this.#checkLength(text.length, TEXT_LIMITS.text, "text");
    const around = options.addBos === false ? { before: [], after: [] } : this.#template;
    const splitters = options.parseSpecial === false ? this.#splitters.plain : this.#splitters.all;
    const literal = options.literal ?? NOWHERE;
    const ids: number[] = [...around.before];
    this.#guard(() => {
      const sections = splitters.raw.split(text.replace(/\p{Surrogate}/gu, "\ufffd"), literal);
      sections.forEach((section, index) => {
        if ("id" in section) {
          ids.push(section.id);
          return;
        }
        const places = placesIn(section, literal);
        if (places.size > 0) this.#encodeLiteral(section.text, places, index, ids);
        else this.#encodeSection(section.text, splitters.normalized, index, ids);
      });
    });
    ids.push(...around.after);
    return Uint32Array.from(ids);
  }

  specialsIn(text: string): number[] {
    return this.#splitters.special.starts(text);
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    checkOptions(options, DECODE_OPTIONS, "decode");
    const skip = options.skipSpecial !== false;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (skip && this.specialIds.has(id)) continue;
      const bytes = this.idToBytes(id);
      chunks.push(bytes);
      size += bytes.length;
    }
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

  idToBytes(id: number): Uint8Array {
    const token = this.idToToken(id);
    return token === undefined ? new Uint8Array(0) : this.#decoder.bytes(token);
  }

  idToToken(id: number): string | undefined {
    return this.#added.get(id) ?? this.#parts.model.vocab[id];
  }

  tokenToId(token: string): number | undefined {
    return this.#addedIds.get(token) ?? this.#parts.model.tokens_to_ids.get(token);
  }

  /** Encodes the text between two tokens that are looked for before normalisation. */
  #encodeSection(text: string, splitter: AddedTokenSplitter, index: number, ids: number[]): void {
    for (const part of splitter.split(this.#parts.normalizer?.normalize(text) ?? text)) {
      if ("id" in part) ids.push(part.id);
      else this.#encodePlain(part.text, index, ids);
    }
  }

  /** The same where special tokens are not to be seen at some places: those are lost in normalised text, so they are looked for before. */
  #encodeLiteral(text: string, literal: ReadonlySet<number>, index: number, ids: number[]): void {
    for (const part of this.#splitters.special.split(text, literal)) {
      if ("id" in part) ids.push(part.id);
      else this.#encodeSection(part.text, this.#splitters.plain.normalized, index, ids);
    }
  }

  #encodePlain(text: string, section: number, ids: number[]): void {
    const { pre_tokenizer: preTokenizer, model } = this.#parts;
    const words = preTokenizer?.pre_tokenize(text, { section_index: section }) ?? [text];
    for (const word of words) {
      const whole = this.#ignoreMerges ? model.tokens_to_ids.get(word) : undefined;
      if (whole !== undefined) {
        ids.push(whole);
        continue;
      }
      let previous = -1;
      for (const piece of this.#boundaries.split(word)) {
        for (const id of this.#pieceIds(piece)) {
          // Unknown characters of one word that stand together become one token.
          if (!(this.#fuseUnknown && id === previous && id === model.unk_token_id)) ids.push(id);
          previous = id;
        }
      }
    }
  }

  #pieceIds(piece: string): readonly number[] {
    const known = this.#cache.get(piece);
    if (known !== undefined) return known;
    this.#checkLength(piece.length, TEXT_LIMITS.stretch, "text: a stretch without a place to cut");
    const { model } = this.#parts;
    const ids = model._call([piece]).map((token) => model.tokens_to_ids.get(token)!);
    if (piece.length <= CACHE.length) {
      if (this.#cache.size >= CACHE.entries) this.#cache.clear();
      this.#cache.set(piece, ids);
    }
    return ids;
  }

  /** Two searches: before normalisation, and after it for tokens that are to be found in normalised text. */
  #split(tokens: readonly AddedToken[]): Splitters {
    const { normalizer } = this.#parts;
    const normalize = (token: AddedToken): boolean => token.normalized ?? token.special !== true;
    return this.#guard(() => ({
      raw: new AddedTokenSplitter(tokens.filter((token) => !normalize(token)), (token) => token.content),
      normalized: new AddedTokenSplitter(tokens.filter(normalize), (token) => normalizer?.normalize(token.content) ?? token.content),
    }));
  }

  #checkLength(length: number, limit: number, what: string): void {
    if (length <= limit) return;
    throw new TokenizerError(`${length} characters are too many; the limit is ${limit}. Split the text`, { file: this.#file, field: what, limit });
  }

  /** The library's errors have no type of their own. */
  #guard<T>(run: () => T): T {
    try {
      return run();
    } catch (cause) {
      if (cause instanceof TokenizerError) throw cause;
      throw new TokenizerError(`the tokenizer failed: ${cause instanceof Error ? cause.message.slice(0, 200) : "unknown error"}`, { file: this.#file, cause });
    }
  }
}
