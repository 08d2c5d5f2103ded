import { Bytes } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { AddedToken, AddedTokens } from "./added";
import { BytePairs } from "./bpe";
import { Decoder } from "./decoder";
import { Merges } from "./merges";
import { Needles } from "./needles";
import { Normalizer } from "./normalizer";
import { PreTokenizer } from "./pre-tokenizer";
import { readSections } from "./sections";
import { Template } from "./template";
import { isSpace, isWordCharacter } from "./unicode";
import { appendWellFormed, characterBefore, characterBytes, codePointAt } from "./utf8";
import { Vocabulary } from "./vocabulary";

/** Longest tokenizer.json, in bytes. */
export const MAX_TOKENIZER_BYTES: u32 = 64 << 20;

// Which tokens are looked for in a text, and what is done with the text between them.
/** Those of the raw text. */
const RAW: i32 = 0;
/** Special ones, in raw text that spells some out at places where they are plain characters. */
const SPELLED: i32 = 1;
/** Those of normalised text. */
const NORMALIZED: i32 = 2;
/** The same without special ones. */
const PLAIN: i32 = 3;

/** Text to ids and back, as tokenizer.json says: BPE over words or, in SentencePiece's style, over whole texts. */
export class Tokenizer {
  decoder: Decoder = new Decoder();
  private vocabulary: Vocabulary = new Vocabulary();
  private added: AddedTokens = new AddedTokens();
  /** Of each stage. */
  private needles: Needles[] = [];
  private normalizer: Normalizer = new Normalizer();
  private preTokenizer: PreTokenizer = new PreTokenizer();
  private template: Template = new Template();
  private pairs: BytePairs | null = null;
  private text: Bytes = new Bytes();
  private section: Bytes = new Bytes();
  /** The section begins where the input begins. */
  private first: bool = false;
  /** Places of the raw text where no token is looked for, ascending. */
  private literal: Bytes = new Bytes();

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
    if (found.preTokenizer) {
      json.seek(found.preTokenizer);
      this.preTokenizer.read(json, "pre_tokenizer");
    }
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
      this.added.read(json, this.vocabulary);
    }
    if (failed()) return;
    this.pairs = new BytePairs(this.vocabulary, merges, unknown, found);
    this.prepareAdded();
  }

  /** Appends the ids of a text, special tokens around and inside it included. Bytes that are not UTF-8 are read as U+FFFD. */
  encode(at: usize, length: u32, out: Bytes): void {
    const text = this.text;
    text.clear();
    appendWellFormed(text, at, length, true);
    out.append(this.template.before.at, this.template.before.length);
    this.literal.clear();
    this.pairs!.spelled = false;
    this.split(RAW, text.at, text.length, 0, out);
    out.append(this.template.after.at, this.template.after.length);
  }

  /**
   * Appends the ids of a conversation as a template has written it: nothing is put around it.
   * @param text well-formed UTF-8 @param literal places in it, ascending, where special tokens are spelled out that are plain characters
   */
  encodeWritten(text: Bytes, literal: Bytes, out: Bytes): void {
    this.literal.clear();
    this.literal.append(literal.at, literal.length);
    this.pairs!.spelled = literal.length > 0;
    this.split(RAW, text.at, text.length, 0, out);
  }

  /** Appends the places, counted from `from`, where a text spells out special tokens, overlapping ones too. */
  specialsIn(at: usize, length: u32, from: u32, out: Bytes): void {
    const needles = this.needles[SPELLED];
    if (needles.empty) return;
    for (let i: u32 = 0; i < length; i++) if (needles.longestAt(at + i, length - i) !== null) out.pushInt(from + i);
  }

  isSpecial(id: i32): bool {
    const token = this.added.find(id);
    return token !== null && token.special;
  }

  /** The longest special token that a text (UTF-8) spells out at its start; null for none. */
  specialAt(at: usize, length: u32): AddedToken | null {
    return this.needles[SPELLED].longestAt(at, length);
  }

  /** Appends the bytes that a token adds to a text; none for ids without a token. */
  appendToken(id: i32, out: Bytes): void {
    const token = this.added.find(id);
    if (token !== null) return this.decoder.append(token.at, token.length, out);
    const at = this.vocabulary.tokenAt(id);
    if (at) this.decoder.append(at, this.vocabulary.tokenLength(id), out);
  }

  private prepareAdded(): void {
    this.added.prepare(this.normalizer);
    const all = this.added.all;
    const kinds: AddedToken[][] = [[], [], [], []];
    for (let i = 0; i < all.length; i++) {
      const token = all[i];
      if (!token.normalized) kinds[RAW].push(token);
      else kinds[NORMALIZED].push(token);
      if (token.normalized && !token.special) kinds[PLAIN].push(token);
      if (!token.special) continue;
      kinds[SPELLED].push(token);
      this.pairs!.special.add(token.id);
    }
    for (let stage = 0; stage < kinds.length; stage++) this.needles.push(new Needles(kinds[stage], stage === SPELLED));
  }

  /** Cuts added tokens out of a text; what is between them goes on. @param origin place of the text in the raw, or normalised, one */
  private split(stage: i32, at: usize, length: u32, origin: u32, out: Bytes): void {
    const needles = this.needles[stage];
    const guarded = stage <= SPELLED && this.literal.length > 0;
    let start: u32 = 0;
    let i = needles.empty ? length : 0;
    while (i < length) {
      const token = needles.longestAt(at + i, length - i);
      if (token === null || (guarded && this.isLiteral(origin + i, origin + i + 1))) {
        i++;
        continue;
      }
      const end = i + needles.length;
      if (!token.singleWord || isWord(at, i, end, length)) {
        // White space that the token before has taken stays its own; other tokens are found in it all the same.
        const from = token.leftStrip ? skipBack(at, min(start, i), i) : i;
        if (from > start) this.between(stage, at + start, from - start, origin + start, out);
        out.pushInt(token.id);
        start = token.rightStrip ? skipForward(at, end, length) : end;
      }
      i = end;
    }
    if (start < length) this.between(stage, at + start, length - start, origin + start, out);
  }

  private between(stage: i32, at: usize, length: u32, origin: u32, out: Bytes): void {
    if (stage >= NORMALIZED) return this.preTokenizer.encode(at, length, this.first && origin === 0, this.pairs!, out);
    // Places are lost in normalised text, so special tokens are looked for before.
    if (stage === RAW && this.isLiteral(origin, origin + length)) return this.split(SPELLED, at, length, origin, out);
    this.section.clear();
    this.normalizer.apply(at, length, this.section);
    this.first = origin === 0 && !this.normalizer.dropsStart(at);
    this.split(stage === RAW ? NORMALIZED : PLAIN, this.section.at, this.section.length, 0, out);
  }

  /** Is there a literal place from `from` to before `to`? */
  private isLiteral(from: u32, to: u32): bool {
    let low = 0;
    let high = this.literal.ints;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (<u32>this.literal.int(middle) < from) low = middle + 1;
      else high = middle;
    }
    return low < this.literal.ints && <u32>this.literal.int(low) < to;
  }
}

/** Whether no letter stands right before or after. */
function isWord(at: usize, from: u32, to: u32, length: u32): bool {
  if (from > 0 && isWordCharacter(codePointAt(characterBefore(at + from)))) return false;
  return to >= length || !isWordCharacter(codePointAt(at + to));
}

function skipBack(at: usize, from: u32, to: u32): u32 {
  while (to > from) {
    const before = characterBefore(at + to);
    if (!isSpace(codePointAt(before))) break;
    to = <u32>(before - at);
  }
  return to;
}

function skipForward(at: usize, from: u32, end: u32): u32 {
  while (from < end && isSpace(codePointAt(at + from))) from += characterBytes(at + from);
  return from;
}
