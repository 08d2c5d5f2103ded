import { Bytes, quoted, sameBytes } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { Normalizer } from "./normalizer";
import { MAX_IDS, Vocabulary } from "./vocabulary";

const FIELD = "added_tokens";
const MAX_TOKENS: i32 = 4096;
const MAX_BYTES: u32 = 512;

/** A token that is found in a text as a whole. */
export class AddedToken {
  id: i32 = -1;
  at: usize = 0;
  length: u32 = 0;
  leftStrip: bool = false;
  rightStrip: bool = false;
  normalized: bool = false;
  special: bool = false;
  /** What is looked for: the content, normalised for tokens that are found in normalised text. */
  wanted: Bytes = new Bytes();
}

/** Reads the list of added tokens. */
export function readAddedTokens(json: JsonReader, vocabulary: Vocabulary): AddedToken[] {
  const tokens = new Array<AddedToken>();
  if (json.takeNull()) return tokens;
  json.openArray();
  while (json.nextElement()) {
    const where = `${FIELD}.${tokens.length}`;
    const token = readToken(json, where);
    if (failed()) break;
    if (tokens.length >= MAX_TOKENS) {
      fail(`are more than ${MAX_TOKENS}`, FIELD);
      break;
    }
    for (let i = 0; i < tokens.length; i++) {
      if (tokens[i].id === token.id) fail(`two added tokens have the id ${token.id}`, where);
      if (sameBytes(tokens[i].at, tokens[i].length, token.at, token.length)) {
        fail(`${quoted(token.at, token.length)} is there twice`, where);
      }
    }
    const known = vocabulary.find(token.at, token.length);
    if (known >= 0 && known !== token.id) fail(`${quoted(token.at, token.length)} has another id in model.vocab`, where);
    tokens.push(token);
  }
  return tokens;
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
    else if (json.isText("normalized")) normalized = json.readFlag() ? 1 : 0;
    else if (json.isText("single_word")) {
      if (json.readFlag()) fail("is not supported", where + ".single_word");
    } else json.skip();
  }
  if (!failed() && (token.id < 0 || token.length === 0 || token.length > MAX_BYTES)) {
    fail(`needs an id and a content of 1 to ${MAX_BYTES} bytes`, where);
  }
  token.normalized = normalized < 0 ? !token.special : normalized === 1;
  return token;
}

/** Prepares what is looked for. */
export function prepareAdded(tokens: AddedToken[], normalizer: Normalizer): void {
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token.normalized) normalizer.apply(token.at, token.length, token.wanted);
    else token.wanted.append(token.at, token.length);
  }
}

/** The longest of the (`normalized` or other) tokens that the text has at its start; null for none. */
export function longestAt(tokens: AddedToken[], normalized: bool, at: usize, length: u32): AddedToken | null {
  let found: AddedToken | null = null;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    const wanted = token.wanted;
    if (token.normalized !== normalized || wanted.length === 0 || wanted.length > length || load<u8>(wanted.at) !== load<u8>(at)) continue;
    // Of two that are looked for alike, the special one counts.
    if (found !== null) {
      const best = found.wanted.length;
      if (wanted.length < best || (wanted.length === best && (found.special || !token.special))) continue;
    }
    if (memory.compare(wanted.at, at, wanted.length) === 0) found = token;
  }
  return found;
}
