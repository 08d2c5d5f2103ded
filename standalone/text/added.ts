import { Bytes, quoted, sameBytes } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { Normalizer } from "./normalizer";
import { MAX_IDS, Vocabulary } from "./vocabulary";

const FIELD = "added_tokens";
const MAX_TOKENS: i32 = 1 << 16;
const MAX_BYTES: u32 = 512;

/** A token that is found in a text as a whole. */
export class AddedToken {
  id: i32 = -1;
  at: usize = 0;
  length: u32 = 0;
  leftStrip: bool = false;
  rightStrip: bool = false;
  singleWord: bool = false;
  normalized: bool = false;
  special: bool = false;
  /** What is looked for: the content, normalised for tokens that are found in normalised text. */
  wanted: Bytes = new Bytes();
}

/** The added tokens of tokenizer.json. */
export class AddedTokens {
  all: AddedToken[] = [];
  private byId: Map<i32, AddedToken> = new Map();

  /** Reads the list. Fails naming the token that is wrong. */
  read(json: JsonReader, vocabulary: Vocabulary): void {
    if (json.takeNull()) return;
    json.openArray();
    while (json.nextElement()) {
      const where = `${FIELD}.${this.all.length}`;
      const token = readToken(json, where);
      if (failed()) return;
      if (this.all.length >= MAX_TOKENS) return fail(`are more than ${MAX_TOKENS}`, FIELD);
      if (this.byId.has(token.id)) return fail(`two added tokens have the id ${token.id}`, where);
      const known = vocabulary.find(token.at, token.length);
      if (known >= 0 && known !== token.id) return fail(`${quoted(token.at, token.length)} has another id in model.vocab`, where);
      this.byId.set(token.id, token);
      this.all.push(token);
    }
    this.refuseTwins();
  }

  /** Prepares what is looked for. */
  prepare(normalizer: Normalizer): void {
    for (let i = 0; i < this.all.length; i++) {
      const token = this.all[i];
      if (token.normalized) normalizer.apply(token.at, token.length, token.wanted);
      else token.wanted.append(token.at, token.length);
    }
  }

  /** The token of an id; null when none was added for it. */
  find(id: i32): AddedToken | null {
    return this.byId.has(id) ? this.byId.get(id) : null;
  }

  private refuseTwins(): void {
    const sorted = this.all.slice(0).sort(byContent);
    for (let i = 1; i < sorted.length; i++) {
      const one = sorted[i];
      if (sameBytes(sorted[i - 1].at, sorted[i - 1].length, one.at, one.length))
        fail(`${quoted(one.at, one.length)} is there twice`, FIELD);
    }
  }
}

function byContent(a: AddedToken, b: AddedToken): i32 {
  return compareBytes(a.at, a.length, b.at, b.length);
}

/** Order of two stretches of bytes, the shorter of two that begin alike first. */
export function compareBytes(a: usize, aLength: u32, b: usize, bLength: u32): i32 {
  const order = memory.compare(a, b, min(aLength, bLength));
  return order !== 0 ? order : <i32>aLength - <i32>bLength;
}

function readToken(json: JsonReader, where: string): AddedToken {
  const token = new AddedToken();
  let normalized = -1;
  json.openObject();
  while (json.nextKey()) {
    if (json.isText("id")) {
      const id = json.readInteger();
      if (id >= <u64>MAX_IDS) fail(`must be at most ${MAX_IDS - 1}`, where + ".id");
      else token.id = <i32>id;
    } else if (json.isText("content")) {
      json.readString();
      token.at = json.text;
      token.length = json.textLength;
    } else if (json.isText("lstrip")) token.leftStrip = json.readFlag();
    else if (json.isText("rstrip")) token.rightStrip = json.readFlag();
    else if (json.isText("special")) token.special = json.readFlag();
    else if (json.isText("single_word")) token.singleWord = json.readFlag();
    else if (json.isText("normalized")) normalized = json.readFlag() ? 1 : 0;
    else json.skip();
  }
  if (!failed() && (token.id < 0 || token.length === 0 || token.length > MAX_BYTES)) {
    fail(`needs an id and a content of 1 to ${MAX_BYTES} bytes`, where);
  }
  token.normalized = normalized < 0 ? !token.special : normalized === 1;
  return token;
}
