import { readArchitecture } from "../../../core/architecture.ts";
import type { FieldReader } from "../../../core/fields.ts";
import { Limits } from "../../../core/limits.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { draftModel, type DraftConfig } from "../../architecture/draft-head.ts";
import { problemError, readFields } from "../../architecture/flat.ts";
import { ConfigError } from "../../errors.ts";
import { parseMetadata } from "./config.ts";

function readDraft(fields: FieldReader): DraftConfig {
  const config = {
    layers: fields.size("layers", Limits.layers),
    ropeTheta: fields.positive("ropeTheta", Limits.ropeTheta),
    heads: fields.size("heads", Limits.heads),
    kvHeads: fields.size("kvHeads", Limits.heads),
    headDim: fields.size("headDim", Limits.headDim),
    ffnSize: fields.size("ffnSize", Limits.ffnSize),
    draftVocab: fields.size("draftVocab", Limits.vocabSize, 0),
  };
  fields.finish();
  return config;
}

/** Reads what a packed file says of its head. @throws ConfigError naming the file and the field. */
export function parseDraftConfig(json: string, file: string, field: string, base: ModelConfig): DraftConfig {
  const { result: config, problem } = readFields(parseMetadata(json, file, field), readDraft);
  const wrong = problem ?? readFields({ ...draftModel(config, base), vocabSize: base.vocabSize }, readArchitecture).problem;
  if (wrong !== null) throw problemError(wrong, file, field);
  if (config.draftVocab > base.vocabSize) {
    throw new ConfigError(`drafts ${config.draftVocab} tokens of a vocabulary of ${base.vocabSize}`, {
      file,
      field,
      limit: base.vocabSize,
    });
  }
  return config;
}
