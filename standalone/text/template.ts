import { Bytes } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { readType, unsupported } from "./normalizer";
import { MAX_IDS } from "./vocabulary";

const MAX_ITEMS: i32 = 16;

/** Ids that the post-processor of tokenizer.json (TemplateProcessing) puts around a text: usually BOS before it. */
export class Template {
  before: Bytes = new Bytes();
  after: Bytes = new Bytes();

  private there: bool = false;

  read(json: JsonReader, field: string, nested: bool = false): void {
    if (json.takeNull()) return;
    const begin = json.position();
    const type = readType(json, field);
    const end = json.position();
    if (failed()) return;
    // ByteLevel moves offsets only; ids stay.
    if (type == "ByteLevel") return json.seek(end);
    json.seek(begin);
    if (type == "Sequence" && !nested) {
      this.readSequence(json, field);
      return json.seek(end);
    }
    if (type != "TemplateProcessing" || this.there) return unsupported(type, field);
    this.there = true;
    const names = new Array<string>();
    const ids = new Array<Bytes>();
    let single: usize = 0;
    json.openObject();
    while (json.nextKey()) {
      if (json.isText("special_tokens")) readSpecials(json, field + ".special_tokens", names, ids);
      else {
        if (json.isText("single")) single = json.position();
        json.skip();
      }
    }
    if (failed()) return;
    if (single === 0) return fail("is missing", field + ".single");
    json.seek(single);
    this.readSingle(json, field + ".single", names, ids);
    json.seek(end);
  }

  private readSequence(json: JsonReader, field: string): void {
    json.openObject();
    while (json.nextKey()) {
      if (!json.isText("processors")) {
        json.skip();
        continue;
      }
      let i = 0;
      json.openArray();
      while (json.nextElement()) this.read(json, `${field}.processors.${i++}`, true);
    }
  }

  private readSingle(json: JsonReader, field: string, names: string[], ids: Bytes[]): void {
    let texts = 0;
    let items = 0;
    json.openArray();
    while (json.nextElement()) {
      if (++items > MAX_ITEMS) return fail(`has more than ${MAX_ITEMS} items`, field);
      json.openObject();
      while (json.nextKey()) {
        if (json.isText("Sequence")) {
          if (readId(json) != "A") return fail("a template for one text can only hold A", field);
          texts++;
        } else if (json.isText("SpecialToken")) {
          const i = names.indexOf(readId(json));
          if (failed()) return;
          if (i < 0) return fail("names a token that special_tokens does not have", field);
          const target = texts === 0 ? this.before : this.after;
          target.append(ids[i].at, ids[i].length);
        } else return fail("holds an item that is not known", field);
      }
    }
    if (!failed() && texts !== 1) fail("must hold the text A once", field);
  }
}

/** The `id` of an item. */
function readId(json: JsonReader): string {
  let id = "";
  json.openObject();
  while (json.nextKey()) {
    if (json.isText("id")) {
      json.readString();
      if (!failed()) id = json.textString();
    } else json.skip();
  }
  return id;
}

function readSpecials(json: JsonReader, field: string, names: string[], ids: Bytes[]): void {
  json.openObject();
  while (json.nextKey()) {
    if (names.length >= MAX_ITEMS) return fail(`has more than ${MAX_ITEMS} entries`, field);
    names.push(json.textString());
    const list = new Bytes();
    ids.push(list);
    json.openObject();
    while (json.nextKey()) {
      if (!json.isText("ids")) {
        json.skip();
        continue;
      }
      json.openArray();
      while (json.nextElement()) {
        const id = json.readInteger();
        if (id >= <u64>MAX_IDS || list.ints >= MAX_ITEMS) {
          return fail(`holds an id above ${MAX_IDS - 1} or more than ${MAX_ITEMS} ids`, field);
        }
        list.pushInt(<i32>id);
      }
    }
  }
}
