import { CHAT_MAX_TOKENS, CHAT_REPETITION_PENALTY } from "../../core/chat";
import { FIELD_NUMBER } from "../../core/fields";
import { GenerateOptions } from "../decode/options";
import { fail, failed } from "../failure";
import { JsonFields } from "../format/fields";
import { JsonReader } from "../format/json";
import { LoadedModel } from "../model/instance";

const FIELD = "blockffn.generation";

/** How answers are drawn where nobody says: as the model's makers want it, else greedily with a penalty on repetition. */
export function chatDefaults(model: LoadedModel): GenerateOptions {
  const options = new GenerateOptions();
  options.repetitionPenalty = CHAT_REPETITION_PENALTY;
  options.maxTokens = CHAT_MAX_TOKENS;
  if (model.packed.generation.length === 0) return options;
  const json = String.UTF8.encode(model.packed.generation);
  const fields = new JsonFields(FIELD);
  fields.read(new JsonReader(changetype<usize>(json), json.byteLength, FIELD));
  if (failed()) return options;
  options.temperature = number(fields, "temperature", options.temperature, 100);
  options.topK = <i32>number(fields, "topK", options.topK, i32.MAX_VALUE);
  options.topP = number(fields, "topP", options.topP, 1);
  options.minP = number(fields, "minP", options.minP, 1);
  options.repetitionPenalty = number(fields, "repetitionPenalty", options.repetitionPenalty, 100);
  options.maxTokens = <i32>number(fields, "maxTokens", options.maxTokens, i32.MAX_VALUE);
  return options;
}

/** A number from 0 to `most`; the rest of what may be wrong with it GenerateOptions tells. */
function number(fields: JsonFields, name: string, otherwise: f64, most: f64): f64 {
  if (fields.kind(name) !== FIELD_NUMBER) return otherwise;
  const value = fields.number(name);
  if (value >= 0 && value <= most) return value;
  fail(`must be a number from 0 to ${most}`, FIELD + ": " + name);
  return otherwise;
}
