import { fail, failed } from "../failure";
import { JsonReader } from "./json";

const MAX_FIELDS: i32 = 64;
const MAX_LIST: i32 = 64;

/** The fields of a packed model's configuration, nested ones as "attention.heads". Each is taken once; what is left over is unknown. */
export class ConfigFields {
  private numbers: Map<string, f64> = new Map();
  private words: Map<string, string> = new Map();
  private flags: Map<string, bool> = new Map();
  private list: i32[] = [];
  private listSeen: bool = false;

  /** @param field what failures name, before the configuration's own field */
  constructor(private field: string) {}

  read(json: JsonReader): void {
    this.readObject(json, "", 0);
    json.finish();
  }

  has(name: string): bool {
    return this.numbers.has(name);
  }

  /** A whole number from `least` to `most`. */
  size(name: string, most: i32, least: i32 = 1): i32 {
    const value = this.number(name);
    if (failed()) return least;
    if (value !== Math.floor(value) || value < <f64>least || value > <f64>most) {
      this.wrong(name, `must be a whole number from ${least} to ${most}, not ${value}`);
      return least;
    }
    return <i32>value;
  }

  /** A number above 0 and at most `most`. */
  positive(name: string, most: f64): f64 {
    const value = this.number(name);
    if (!failed() && !(value > 0 && value <= most)) this.wrong(name, `must be above 0 and at most ${most}, not ${value}`);
    return value;
  }

  /** Any finite number. */
  number(name: string): f64 {
    if (failed()) return 1;
    if (!this.numbers.has(name)) {
      this.wrong(name, "must be a number and is missing or something else");
      return 1;
    }
    const value = this.numbers.get(name);
    this.numbers.delete(name);
    if (!isFinite(value)) this.wrong(name, "must be finite");
    return value;
  }

  flag(name: string): bool {
    if (failed()) return false;
    if (!this.flags.has(name)) {
      this.wrong(name, "must be true or false and is missing or something else");
      return false;
    }
    const value = this.flags.get(name);
    this.flags.delete(name);
    return value;
  }

  /** Which of the names it is. */
  word(name: string, names: string[]): i32 {
    if (failed()) return 0;
    const i = this.words.has(name) ? names.indexOf(this.words.get(name)) : -1;
    this.words.delete(name);
    if (i < 0) this.wrong(name, `must be one of ${names.join(", ")}`);
    return max(i, 0);
  }

  /** The ids of `eosTokenIds`, the only list. */
  takeList(): i32[] {
    if (!this.listSeen) this.wrong("eosTokenIds", "is missing");
    return this.list;
  }

  wrong(name: string, message: string): void {
    fail(message, this.field + ": " + name);
  }

  /** Nothing may be left. */
  finish(): void {
    const names = this.numbers.keys().concat(this.words.keys()).concat(this.flags.keys());
    if (names.length > 0) this.wrong(names[0].slice(0, 60), "is not known");
  }

  private readObject(json: JsonReader, prefix: string, depth: i32): void {
    let count = 0;
    json.openObject();
    while (json.nextKey()) {
      if (++count > MAX_FIELDS || depth > 1) return json.fail("has too many fields or nests too deep");
      const name = prefix + json.textString();
      if (this.numbers.has(name) || this.words.has(name) || this.flags.has(name)) return this.wrong(name.slice(0, 60), "is there twice");
      const c = json.peek();
      if (c === 0x7b) this.readObject(json, name + ".", depth + 1);
      else if (c === 0x5b) this.readList(json, name);
      else if (c === 0x22) {
        json.readString();
        if (!failed()) this.words.set(name, json.textString());
      } else if (c === 0x74 || c === 0x66) this.flags.set(name, json.readFlag());
      else this.numbers.set(name, json.readNumber());
    }
  }

  private readList(json: JsonReader, name: string): void {
    if (name != "eosTokenIds" || this.listSeen) return this.wrong(name.slice(0, 60), "is not known");
    this.listSeen = true;
    json.openArray();
    while (json.nextElement()) {
      const id = json.readInteger();
      if (id >= 1 << 20 || this.list.length >= MAX_LIST) return this.wrong(name, `must be at most ${MAX_LIST} token ids`);
      this.list.push(<i32>id);
    }
  }
}
