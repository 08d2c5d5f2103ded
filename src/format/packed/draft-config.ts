import * as v from "valibot";
import type { ModelConfig } from "../../architecture/config.ts";
import { draftModel, type DraftConfig } from "../../architecture/draft-head.ts";
import { CONFIG_LIMITS as MAX } from "../../architecture/limits.ts";
import { ConfigError } from "../../errors.ts";
import { check, positive, size } from "../hf/schema.ts";
import { checkFit, parseMetadata } from "./config.ts";

const Schema = v.strictObject({
  layers: size(MAX.layers), ropeTheta: positive(MAX.ropeTheta), heads: size(MAX.heads), kvHeads: size(MAX.heads), headDim: size(MAX.headDim),
  ffnSize: size(MAX.ffnSize), draftVocab: size(MAX.vocabSize, 0),
});

/** Reads what a packed file says of its head. @throws ConfigError naming the file and the field. */
export function parseDraftConfig(json: string, file: string, field: string, base: ModelConfig): DraftConfig {
  const config = check(Schema, parseMetadata(json, file, field), file);
  checkFit({ ...draftModel(config, base), vocabSize: base.vocabSize }, file, field);
  if (config.draftVocab > base.vocabSize) {
    throw new ConfigError(`drafts ${config.draftVocab} tokens of a vocabulary of ${base.vocabSize}`, { file, field, limit: base.vocabSize });
  }
  return config;
}
