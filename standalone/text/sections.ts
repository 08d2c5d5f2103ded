import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";

/** Places of the sections of tokenizer.json, which may come in any order; 0 for those that are not there. */
export class Sections {
  added: usize = 0;
  normalizer: usize = 0;
  preTokenizer: usize = 0;
  postProcessor: usize = 0;
  decoder: usize = 0;
  vocab: usize = 0;
  merges: usize = 0;
  unknown: string = "";
  fuseUnknown: bool = false;
  byteFallback: bool = false;
  ignoreMerges: bool = false;
}

/** Finds the sections, and reads the flags of the model. */
export function readSections(json: JsonReader): Sections {
  const found = new Sections();
  json.openObject();
  while (json.nextKey()) {
    if (json.isText("model")) {
      readModel(json, found);
      continue;
    }
    const at = json.position();
    if (json.isText("added_tokens")) found.added = at;
    else if (json.isText("normalizer")) found.normalizer = at;
    else if (json.isText("pre_tokenizer")) found.preTokenizer = at;
    else if (json.isText("post_processor")) found.postProcessor = at;
    else if (json.isText("decoder")) found.decoder = at;
    json.skip();
  }
  json.finish();
  return found;
}

function readModel(json: JsonReader, found: Sections): void {
  json.openObject();
  while (json.nextKey()) {
    const at = json.position();
    if (json.isText("vocab")) found.vocab = at;
    else if (json.isText("merges")) found.merges = at;
    else if (json.isText("type")) {
      json.readString();
      if (!failed() && !json.isText("BPE")) fail("only BPE models are supported", "model.type");
      continue;
    } else if (json.takeNull()) continue;
    else if (json.isText("unk_token")) {
      json.readString();
      if (!failed()) found.unknown = json.textString();
      continue;
    } else if (json.isText("byte_fallback")) {
      found.byteFallback = json.readFlag();
      continue;
    } else if (json.isText("fuse_unk")) {
      found.fuseUnknown = json.readFlag();
      continue;
    } else if (json.isText("ignore_merges")) {
      found.ignoreMerges = json.readFlag();
      continue;
    } else if (json.isText("dropout")) {
      if (json.readNumber() !== 0) fail("dropout is for training", "model.dropout");
      continue;
    } else if (json.isText("continuing_subword_prefix") || json.isText("end_of_word_suffix")) {
      json.readString();
      if (!failed() && json.textLength > 0) fail("prefixes and suffixes of words are not supported", "model");
      continue;
    }
    json.skip();
  }
}
