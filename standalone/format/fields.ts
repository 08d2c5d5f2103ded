import { FIELD_ABSENT, FIELD_FLAG, FIELD_LIST, FIELD_NUMBER, FIELD_WORD, FieldSource } from "../../core/fields";
import { fail, failed } from "../failure";
import { JsonReader } from "./json";

const MAX_FIELDS: i32 = 64;
/** More elements than any list of a configuration may have. */
const MAX_LIST: i32 = 1024;

/** The fields of a packed model's configuration, from JSON: nested ones as "attention.heads". */
export class JsonFields extends FieldSource {
  private numbers: Map<string, f64> = new Map();
  private words: Map<string, string> = new Map();
  private flags: Map<string, bool> = new Map();
  private lists: Map<string, f64[]> = new Map();

  /** @param field what failures name, before the configuration's own field */
  constructor(private field: string) {
    super();
  }

  /** Takes a JSON object. Fails for anything else, for a field that is there twice, and for null. */
  read(json: JsonReader): void {
    this.readObject(json, "", 0);
    json.finish();
  }

  kind(name: string): i32 {
    if (this.numbers.has(name)) return FIELD_NUMBER;
    if (this.words.has(name)) return FIELD_WORD;
    if (this.flags.has(name)) return FIELD_FLAG;
    return this.lists.has(name) ? FIELD_LIST : FIELD_ABSENT;
  }

  number(name: string): f64 {
    return this.numbers.get(name);
  }

  word(name: string): string {
    return this.words.get(name);
  }

  flag(name: string): bool {
    return this.flags.get(name);
  }

  list(name: string): f64[] {
    return this.lists.get(name);
  }

  names(): string[] {
    return this.numbers.keys().concat(this.words.keys()).concat(this.flags.keys()).concat(this.lists.keys());
  }

  private readObject(json: JsonReader, prefix: string, depth: i32): void {
    let count = 0;
    json.openObject();
    while (json.nextKey()) {
      if (++count > MAX_FIELDS || depth > 1) return json.fail("has too many fields or nests too deep");
      const key = json.textString();
      const name = prefix + key;
      // A key that looks like a path would be taken for the field of that path.
      if (key.includes(".")) return this.wrong(name, "is not known");
      if (this.kind(name) !== FIELD_ABSENT) return this.wrong(name, "is there twice");
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
    const list: f64[] = [];
    json.openArray();
    while (json.nextElement()) {
      if (list.length >= MAX_LIST) return this.wrong(name, "has too many elements");
      list.push(json.readNumber());
    }
    this.lists.set(name, list);
  }

  private wrong(name: string, message: string): void {
    fail(message, this.field + ": " + name.slice(0, 60));
  }
}
