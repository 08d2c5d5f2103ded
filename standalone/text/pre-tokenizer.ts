import { GPT2_WORDS } from "../../core/text/patterns";
import { Bytes } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { BytePairs } from "./bpe";
import { appendByteCharacters } from "./byte-level";
import { readType, replaceAll, unsupported } from "./normalizer";
import { PREFIX_ALWAYS, PREFIX_FIRST, PREFIX_NEVER, StepOptions } from "./pre-tokenizer-options";
import { compile } from "./regex/compile";
import { END, literalProgram, Program, REPEAT } from "./regex/program";
import { CharacterSet } from "./regex/set";
import { CONTIGUOUS, ISOLATED, MERGED_WITH_NEXT, REMOVED, TextSplitter } from "./split";

const MAX_STEPS: i32 = 32;

const ANY_PUNCTUATION = "[!-/:-@\\[-`{-~\\p{P}]";
const WORDS = "[\\w\u200c\u200d]+|[^\\w\u200c\u200d\\s]+";

/** One step: what it does to a text, and where it leaves what comes of that. */
class Step {
  /** null for a step that changes a text as a whole. */
  splitter: TextSplitter | null = null;
  /** Metaspace: the mark in place of a space; empty for ByteLevel, and its space before a text. */
  mark: Bytes = new Bytes();
  bytes: bool = false;
  /** Puts a space, or the mark, before texts: none, those where the input begins, all. */
  prefix: i32 = PREFIX_NEVER;
  text: Bytes = new Bytes();
}

const SPACE: StaticArray<u8> = [0x20];

/** The pre-tokenizer of tokenizer.json: makes words of a text, and has them encoded. Mirrors src/text/encode/pre-tokenizer.ts. */
export class PreTokenizer {
  private steps: Step[] = [];

  read(json: JsonReader, field: string): void {
    if (json.takeNull()) return;
    const begin = json.position();
    const type = readType(json, field);
    const end = json.position();
    if (failed()) return;
    if (this.steps.length >= MAX_STEPS) return fail(`has more than ${MAX_STEPS} steps`, field);
    json.seek(begin);
    if (type == "Sequence") this.readSequence(json, field);
    else this.readStep(json, field, type);
    json.seek(end);
  }

  /** Appends the ids of a text's words. @param first it begins where the whole input begins */
  encode(at: usize, length: u32, first: bool, pairs: BytePairs, out: Bytes): void {
    this.run(0, at, length, first, pairs, out);
  }

  private run(i: i32, at: usize, length: u32, first: bool, pairs: BytePairs, out: Bytes): void {
    if (i === this.steps.length) return pairs.encode(at, length, out);
    const step = this.steps[i];
    const splitter = step.splitter;
    if (splitter === null) {
      change(step, at, length, first);
      return this.run(i + 1, step.text.at, step.text.length, first, pairs, out);
    }
    splitter.split(at, length);
    const words = splitter.words;
    for (let w = 0; w < words.ints; w += 2) {
      const start = <u32>words.int(w);
      this.run(i + 1, at + start, <u32>words.int(w + 1) - start, first && start === 0, pairs, out);
    }
  }

  private readSequence(json: JsonReader, field: string): void {
    json.openObject();
    while (json.nextKey()) {
      if (!json.isText("pretokenizers")) {
        json.skip();
        continue;
      }
      let i = 0;
      json.openArray();
      while (json.nextElement()) this.read(json, `${field}.pretokenizers.${i++}`);
    }
  }

  private readStep(json: JsonReader, field: string, type: string): void {
    const options = new StepOptions();
    options.read(json, field);
    if (failed()) return;
    if (type == "ByteLevel") {
      if (options.prefixSpace !== 0) this.change("", false, PREFIX_ALWAYS);
      if (options.useRegex) this.split(compile(GPT2_WORDS), ISOLATED);
      this.change("", true, PREFIX_NEVER);
    } else if (type == "Split") {
      if (options.pattern === null) fail("is missing", field + ".pattern");
      else if (options.behavior < 0) fail("is missing", field + ".behavior");
      else this.split(options.pattern!, options.behavior, options.invert);
    } else if (type == "Digits") this.split(compile("\\p{N}"), options.individual ? ISOLATED : CONTIGUOUS);
    else if (type == "Whitespace") this.split(compile(WORDS), REMOVED, true);
    else if (type == "WhitespaceSplit") this.split(compile("\\s"), REMOVED);
    else if (type == "BertPreTokenizer") {
      this.split(compile("\\s"), REMOVED);
      this.split(compile(ANY_PUNCTUATION), ISOLATED);
    } else if (type == "CharDelimiterSplit") this.split(literalProgram(options.character), REMOVED);
    else if (type == "Punctuation") this.split(compile(ANY_PUNCTUATION), options.behavior < 0 ? ISOLATED : options.behavior);
    else if (type == "FixedLength") this.split(stretches(options.length), ISOLATED);
    else if (type == "Metaspace") this.metaspace(options, field);
    else unsupported(type, field);
  }

  private metaspace(options: StepOptions, field: string): void {
    let prefix = options.scheme;
    if (prefix < 0) prefix = options.prefixSpace === 0 ? PREFIX_NEVER : PREFIX_ALWAYS;
    else if (options.prefixSpace === 0 && prefix !== PREFIX_NEVER) return fail("contradicts add_prefix_space", field + ".prepend_scheme");
    if (options.character.length === 0) return fail("must be one character", field + ".replacement");
    this.change(options.character, false, prefix);
    if (options.split) this.split(literalProgram(options.character), MERGED_WITH_NEXT);
  }

  private split(program: Program, behavior: i32, invert: bool = false): void {
    const step = new Step();
    step.splitter = new TextSplitter(program, behavior, invert);
    this.steps.push(step);
  }

  private change(mark: string, bytes: bool, prefix: i32): void {
    const step = new Step();
    step.mark.appendText(mark);
    step.bytes = bytes;
    step.prefix = prefix;
    this.steps.push(step);
  }
}

/** Writes what a step makes of a text into its own. */
function change(step: Step, at: usize, length: u32, first: bool): void {
  const out = step.text;
  const space = changetype<usize>(SPACE);
  out.clear();
  if (step.bytes) return appendByteCharacters(at, length, out);
  const mark = step.mark;
  const from = mark.length > 0 ? mark.at : space;
  const size = mark.length > 0 ? mark.length : <u32>1;
  if (mark.length > 0) {
    const spaces = new Bytes();
    spaces.push(0x20);
    replaceAll(at, length, spaces, mark, out);
    spaces.free();
  } else out.append(at, length);
  if (step.prefix === PREFIX_NEVER || (step.prefix === PREFIX_FIRST && !first)) return;
  if (out.length >= size && memory.compare(out.at, from, size) === 0) return;
  const before = out.length;
  out.append(from, size);
  memory.copy(out.at + size, out.at, before);
  memory.copy(out.at, from, size);
}

/** A program that takes so many characters at most. */
function stretches(length: i32): Program {
  const all = new CharacterSet();
  all.negated = true;
  const program = new Program();
  program.add(REPEAT, all, 1, length);
  program.add(END);
  return program;
}
