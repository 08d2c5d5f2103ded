import { Bytes } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { AddedToken, longestAt, prepareAdded, readAddedTokens } from "./added";
import { BytePairs } from "./bpe";
import { Decoder } from "./decoder";
import { Merges } from "./merges";
import { Normalizer } from "./normalizer";
import { readSections, refusePreTokenizer } from "./sections";
import { spaceAt } from "./spaces";
import { Template } from "./template";
import { appendWellFormed } from "./utf8";
import { Vocabulary } from "./vocabulary";

/** Longest tokenizer.json, in bytes. */
export const MAX_TOKENIZER_BYTES: u32 = 64 << 20;

/** Text to ids and back, as a SentencePiece-style tokenizer.json says: BPE over whole texts, with byte fallback. */
export class Tokenizer {
  decoder: Decoder = new Decoder();
  private vocabulary: Vocabulary = new Vocabulary();
  private added: AddedToken[] = [];
  private normalizer: Normalizer = new Normalizer();
  private template: Template = new Template();
  private pairs: BytePairs | null = null;
  private text: Bytes = new Bytes();
  private section: Bytes = new Bytes();

  /** Reads `length` bytes of JSON, which must stay where they are. Fails with the field for what is malformed or not supported. */
  load(at: usize, length: u32): void {
    const json = new JsonReader(at, length, "tokenizer.json");
    const found = readSections(json);
    if (failed()) return;
    if (found.vocab === 0) return fail("is missing", "model.vocab");
    if (found.merges === 0) return fail("is missing", "model.merges");
    if (found.decoder === 0) return fail("is missing: how tokens join to text is unknown", "decoder");
    json.seek(found.vocab);
    this.vocabulary.read(json);
    if (failed()) return;
    const merges = new Merges();
    json.seek(found.merges);
    merges.read(json, this.vocabulary);
    if (failed()) return;
    const unknown = found.unknown.length > 0 ? this.vocabulary.findText(found.unknown) : -1;
    if (found.unknown.length > 0 && unknown < 0) return fail("is not in the vocabulary", "model.unk_token");
    if (found.preTokenizer) refusePreTokenizer(json, found.preTokenizer);
    if (found.normalizer) {
      json.seek(found.normalizer);
      this.normalizer.read(json, "normalizer");
    }
    if (found.postProcessor) {
      json.seek(found.postProcessor);
      this.template.read(json, "post_processor");
    }
    json.seek(found.decoder);
    if (json.takeNull()) return fail("is missing: how tokens join to text is unknown", "decoder");
    this.decoder.read(json, "decoder");
    if (found.added) {
      json.seek(found.added);
      this.added = readAddedTokens(json, this.vocabulary);
    }
    if (failed()) return;
    prepareAdded(this.added, this.normalizer);
    this.pairs = new BytePairs(this.vocabulary, merges, unknown, found.byteFallback, found.fuseUnknown);
  }

  /** Appends the ids of a text, special tokens around and inside it included. Bytes that are not UTF-8 are read as U+FFFD. */
  encode(at: usize, length: u32, out: Bytes): void {
    const text = this.text;
    text.clear();
    appendWellFormed(text, at, length, true);
    out.append(this.template.before.at, this.template.before.length);
    this.split(text.at, text.length, false, out);
    out.append(this.template.after.at, this.template.after.length);
  }

  isSpecial(id: i32): bool {
    for (let i = 0; i < this.added.length; i++) if (this.added[i].id === id) return this.added[i].special;
    return false;
  }

  /** The longest special token that a text (UTF-8) spells out at its start; null for none. */
  specialAt(at: usize, length: u32): AddedToken | null {
    let found: AddedToken | null = null;
    for (let i = 0; i < this.added.length; i++) {
      const token = this.added[i];
      if (!token.special || token.length > length || (found !== null && token.length <= found.length)) continue;
      if (memory.compare(token.at, at, token.length) === 0) found = token;
    }
    return found;
  }

  /** Appends the bytes that a token adds to a text; none for ids without a token. */
  appendToken(id: i32, out: Bytes): void {
    for (let i = 0; i < this.added.length; i++) {
      if (this.added[i].id === id) return this.decoder.append(this.added[i].at, this.added[i].length, out);
    }
    const at = this.vocabulary.tokenAt(id);
    if (at) this.decoder.append(at, this.vocabulary.tokenLength(id), out);
  }

  /** Cuts added tokens out of raw or of normalised text; what is between them is normalised, or encoded. */
  private split(at: usize, length: u32, normalized: bool, out: Bytes): void {
    let start: u32 = 0;
    let i: u32 = 0;
    while (i < length) {
      const token = longestAt(this.added, normalized, at + i, length - i);
      if (token === null) {
        i++;
        continue;
      }
      // White space that the token before has taken stays its own; other tokens are found in it all the same.
      const end = token.leftStrip ? skipBack(at, min(start, i), i) : i;
      if (end > start) this.plain(at + start, end - start, normalized, out);
      out.pushInt(token.id);
      i += token.wanted.length;
      start = token.rightStrip ? skipForward(at, i, length) : i;
    }
    if (start < length) this.plain(at + start, length - start, normalized, out);
  }

  private plain(at: usize, length: u32, normalized: bool, out: Bytes): void {
    if (normalized) return this.pairs!.encode(at, length, out);
    this.section.clear();
    this.normalizer.apply(at, length, this.section);
    this.split(this.section.at, this.section.length, true, out);
  }
}

function skipBack(at: usize, from: u32, to: u32): u32 {
  while (true) {
    let size: u32 = 0;
    for (let back: u32 = 1; back <= 3 && from + back <= to; back++) if (spaceAt(at + to - back, back) === back) size = back;
    if (size === 0) return to;
    to -= size;
  }
}

function skipForward(at: usize, from: u32, end: u32): u32 {
  while (from < end) {
    const size = spaceAt(at + from, end - from);
    if (size === 0) break;
    from += size;
  }
  return from;
}
