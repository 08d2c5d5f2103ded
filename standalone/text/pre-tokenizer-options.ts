import { isKnownPattern } from "../../core/text/patterns";
import { isText, quoted } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { compile } from "./regex/compile";
import { literalProgram, Program } from "./regex/program";
import { BEHAVIORS } from "./split";

const MAX_LITERAL: u32 = 32;

// Which texts get a space, or Metaspace's mark, before them: none, those where the input begins, all.
export const PREFIX_NEVER: i32 = 0;
export const PREFIX_FIRST: i32 = 1;
export const PREFIX_ALWAYS: i32 = 2;

/** The options of any step; which of them it has, its type says. */
export class StepOptions {
  pattern: Program | null = null;
  behavior: i32 = -1;
  invert: bool = false;
  individual: bool = false;
  useRegex: bool = true;
  split: bool = true;
  /** -1: not given. */
  prefixSpace: i32 = -1;
  scheme: i32 = -1;
  /** Metaspace's replacement, or a delimiter. */
  character: string = "";
  length: i32 = 5;

  read(json: JsonReader, field: string): void {
    json.openObject();
    while (json.nextKey()) {
      if (json.isText("type")) json.skip();
      else if (json.isText("pattern")) this.pattern = readProgram(json, field + ".pattern");
      else if (json.isText("behavior")) {
        json.readString();
        if (failed()) return;
        this.behavior = BEHAVIORS.indexOf(json.textString());
        if (this.behavior < 0) fail("must be one of " + BEHAVIORS.join(", "), field + ".behavior");
      } else if (json.isText("prepend_scheme")) {
        json.readString();
        if (failed()) return;
        this.scheme = json.isText("always") ? PREFIX_ALWAYS : json.isText("first") ? PREFIX_FIRST : PREFIX_NEVER;
        if (this.scheme === PREFIX_NEVER && !json.isText("never")) fail("must be always, first or never", field + ".prepend_scheme");
      } else if (json.isText("replacement") || json.isText("delimiter")) {
        json.readString();
        if (failed()) return;
        this.character = json.textString();
        const one = this.character.length === 1 || (this.character.length === 2 && <u32>this.character.codePointAt(0) > 0xffff);
        if (!one) fail("must be one character", field);
      } else if (json.isText("length")) this.length = max(1, <i32>min<u64>(json.readInteger(), 0xffff));
      else this.readFlag(json);
    }
  }

  private readFlag(json: JsonReader): void {
    const at = json.text;
    const length = json.textLength;
    const invert = isText(at, length, "invert");
    const individual = isText(at, length, "individual_digits");
    const useRegex = isText(at, length, "use_regex");
    const split = isText(at, length, "split");
    const prefix = isText(at, length, "add_prefix_space");
    if (!invert && !individual && !useRegex && !split && !prefix) return json.skip();
    if (json.takeNull()) return;
    const value = json.readFlag();
    if (invert) this.invert = value;
    else if (individual) this.individual = value;
    else if (useRegex) this.useRegex = value;
    else if (split) this.split = value;
    else this.prefixSpace = value ? 1 : 0;
  }
}

/** Reads {"String": text} or {"Regex": pattern}; of expressions those of published models. */
function readProgram(json: JsonReader, field: string): Program | null {
  let program: Program | null = null;
  json.openObject();
  while (json.nextKey()) {
    const regex = json.isText("Regex");
    if (!regex && !json.isText("String")) fail(`must be a String or a Regex, not ${quoted(json.text, json.textLength)}`, field);
    json.readString();
    if (failed()) return null;
    if (!regex && (json.textLength === 0 || json.textLength > MAX_LITERAL)) fail(`must be a text of 1 to ${MAX_LITERAL} bytes`, field);
    const text = json.textString();
    if (regex && !isKnownPattern(text)) fail("this regular expression is not one of the supported ones (those of published models)", field);
    if (!failed()) program = regex ? compile(text) : literalProgram(text);
  }
  return program;
}
