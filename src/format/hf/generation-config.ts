import * as v from "valibot";
import { Limits } from "../../../core/limits.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { check } from "./schema.ts";

const Id = v.pipe(v.number("must be a token id"), v.safeInteger("must be a whole number"));
const Schema = v.looseObject({
  bos_token_id: v.nullish(Id),
  eos_token_id: v.nullish(
    v.union([Id, v.pipe(v.array(Id), v.maxLength(Limits.eosTokens))], `must be a token id or at most ${Limits.eosTokens} of them`),
  ),
});

/**
 * The configuration with the tokens that end a text, as transformers 5 finds them for `generate`: generation_config.json alone says, where
 * there is one; else config.json, without the defaults of the model's class. Ids outside the vocabulary never come, so they are left out.
 * @param config of the model, with its class's defaults
 * @param fields of config.json
 * @param generation those of generation_config.json; undefined when there is none
 * @throws ConfigError naming the file and the field.
 */
export function withGenerationConfig(config: ModelConfig, fields: object, generation: object | undefined, file: string): ModelConfig {
  const { vocabSize, bosTokenId } = config;
  if (generation === undefined) return "eos_token_id" in fields ? config : { ...config, eosTokenIds: [] };
  const { bos_token_id: bos, eos_token_id: eos } = check(Schema, generation, file);
  const exists = (id: number): boolean => id >= 0 && id < vocabSize;
  return {
    ...config,
    bosTokenId: typeof bos === "number" && exists(bos) ? bos : bosTokenId,
    eosTokenIds: [...new Set([eos ?? []].flat())].filter(exists),
  };
}
