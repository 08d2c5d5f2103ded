import { Bytes, isText, quoted, sameBytes } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { isComposed } from "./unicode";
import { characterBytes, codePointAt } from "./utf8";

const MAX_STEPS: i32 = 8;
const MAX_BYTES: u32 = 32;
/** How much longer replacements may make a text, all together. */
const MAX_GROWTH: f64 = 16;

class Step {
  /** Empty for Prepend. */
  from: Bytes = new Bytes();
  to: Bytes = new Bytes();
  /** NFC, of texts that are in that form already. */
  composed: bool = false;
}

/** The normaliser of tokenizer.json: Prepend, Replace, and NFC of what is in that form, alone or in a Sequence. */
export class Normalizer {
  private steps: Step[] = [];
  private spare: Bytes = new Bytes();
  private growth: f64 = 1;

  read(json: JsonReader, field: string, nested: bool = false): void {
    if (json.takeNull()) return;
    const begin = json.position();
    const type = readType(json, field);
    const end = json.position();
    if (failed()) return;
    json.seek(begin);
    if (type == "Sequence" && !nested) this.readSequence(json, field);
    else if (type == "Prepend" || type == "Replace") this.readStep(json, field, type);
    else if (type == "NFC" && this.steps.length < MAX_STEPS) {
      const step = new Step();
      step.composed = true;
      this.steps.push(step);
    } else unsupported(type, field);
    json.seek(end);
  }

  /** Appends the normalised text to `out`. */
  apply(at: usize, length: u32, out: Bytes): void {
    const before = this.spare;
    const start = out.length;
    out.append(at, length);
    for (let i = 0; i < this.steps.length; i++) {
      if (this.steps[i].composed) {
        checkComposed(out.at + start, out.length - start);
        continue;
      }
      before.clear();
      before.append(out.at + start, out.length - start);
      out.length = start;
      const step = this.steps[i];
      if (step.from.length === 0) out.append(step.to.at, step.to.length);
      replaceAll(before.at, before.length, step.from, step.to, out);
    }
  }

  /** Whether the first character of a text is taken away: what is left then begins elsewhere. */
  dropsStart(at: usize): bool {
    if (this.steps.length === 0) return false;
    const text = new Bytes();
    const whole = new Bytes();
    const without = new Bytes();
    text.append(at, characterBytes(at));
    text.push(0x78);
    this.apply(text.at, text.length, whole);
    this.apply(text.at + text.length - 1, 1, without);
    const same = sameBytes(whole.at, whole.length, without.at, without.length);
    text.free();
    whole.free();
    without.free();
    return same;
  }

  private readSequence(json: JsonReader, field: string): void {
    json.openObject();
    while (json.nextKey()) {
      if (!json.isText("normalizers")) {
        json.skip();
        continue;
      }
      let i = 0;
      json.openArray();
      while (json.nextElement()) this.read(json, `${field}.normalizers.${i++}`, true);
    }
  }

  private readStep(json: JsonReader, field: string, type: string): void {
    const step = new Step();
    json.openObject();
    while (json.nextKey()) {
      if (json.isText("pattern")) readPattern(json, step.from, field);
      else if (json.isText("prepend") || json.isText("content")) {
        json.readString();
        step.to.append(json.text, json.textLength);
      } else json.skip();
    }
    if (failed()) return;
    if (type == "Replace") this.growth *= max<f64>(1, <f64>step.to.length / <f64>max<u32>(step.from.length, 1));
    if (this.growth > MAX_GROWTH) return fail(`makes a text more than ${MAX_GROWTH} times longer`, field);
    if (
      (type == "Replace") !== step.from.length > 0 ||
      step.from.length > MAX_BYTES ||
      step.to.length > MAX_BYTES ||
      this.steps.length >= MAX_STEPS
    ) {
      return fail(`cannot be used: at most ${MAX_STEPS} steps with texts of at most ${MAX_BYTES} bytes`, field);
    }
    this.steps.push(step);
  }
}

/** Fails for a text that may not be in Unicode's form C: to make that takes tables that are not here. */
function checkComposed(at: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i += characterBytes(at + i)) {
    if (isComposed(codePointAt(at + i))) continue;
    const what = quoted(at + i, characterBytes(at + i));
    return fail(
      `this model's texts are in Unicode's form C (NFC), and ${what} may have to be composed: use a JavaScript host`,
      "normalizer",
    );
  }
}

/** Appends a text in which every `from` is `to`; an empty `from` is nowhere. */
export function replaceAll(at: usize, length: u32, from: Bytes, to: Bytes, out: Bytes): void {
  let i: u32 = 0;
  while (i < length) {
    if (from.length > 0 && i + from.length <= length && memory.compare(at + i, from.at, from.length) === 0) {
      out.append(to.at, to.length);
      i += from.length;
    } else {
      out.push(load<u8>(at + i));
      i++;
    }
  }
}

/** Reads {"String": text} into `out`; a regular expression is refused. */
export function readPattern(json: JsonReader, out: Bytes, field: string): void {
  json.openObject();
  while (json.nextKey()) {
    if (!json.isText("String")) {
      return fail(`only a String pattern is supported, not ${quoted(json.text, json.textLength)}`, field + ".pattern");
    }
    json.readString();
    out.append(json.text, json.textLength);
  }
}

/** The `type` of the object that is next, which is passed over. */
export function readType(json: JsonReader, field: string): string {
  let type = "";
  json.openObject();
  while (json.nextKey()) {
    if (isText(json.text, json.textLength, "type")) {
      json.readString();
      type = json.textString();
    } else json.skip();
  }
  if (!failed() && type.length === 0) fail("is missing", field + ".type");
  return type;
}

export function unsupported(type: string, field: string): void {
  fail(`the type "${type.slice(0, 40)}" is not supported by this command; the JavaScript hosts support more`, field + ".type");
}
