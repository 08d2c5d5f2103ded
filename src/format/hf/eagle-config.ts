import * as v from "valibot";
import { ConfigError } from "../../errors.ts";
import { gqa, parseJson } from "./config.ts";
import { Limits } from "../../../core/limits.ts";
import { ROPE_FIELDS, ropeScalingOf, ropeThetaOf } from "./rope.ts";
import { check, only, size } from "./schema.ts";
import type { ModelConfig } from "../../architecture/config.ts";

const Schema = v.object({
  hidden_size: size(Limits.hiddenSize),
  num_hidden_layers: size(Limits.layers),
  num_attention_heads: size(Limits.heads),
  num_key_value_heads: v.nullish(size(Limits.heads)),
  head_dim: v.nullish(size(Limits.headDim)),
  intermediate_size: size(Limits.ffnSize),
  vocab_size: v.nullish(size(Limits.vocabSize)),
  ...ROPE_FIELDS,
  hidden_act: only("silu"),
  attention_bias: only(false),
});

/**
 * Reads the `config.json` of an EAGLE head as a model of its own: decoder layers with grouped-query attention and a gated FFN,
 * residual scale 1. What belongs to the base model comes from it: embedding and head with their scales, and the norms' epsilon
 * (its RoPE base too, unless the head names one).
 * @throws ConfigError with file and field; for sizes that do not fit the base model too.
 */
export function parseEagleConfig(json: Uint8Array, file: string, base: ModelConfig): ModelConfig {
  const fields = check(Schema, parseJson(json, file), file);
  const expectSame = (field: "hidden_size" | "vocab_size", own: number): void => {
    const found = fields[field] ?? own;
    if (found !== own)
      throw new ConfigError(`is ${found}, the base model's is ${own}: this head belongs to another model`, { file, field });
  };
  expectSame("hidden_size", base.hiddenSize);
  expectSame("vocab_size", base.vocabSize);
  if (ropeScalingOf(fields, base.contextLength, file) !== undefined)
    throw new ConfigError("a draft head has unscaled RoPE", { file, field: fields.rope_scaling ? "rope_scaling" : "rope_parameters" });
  const { ropeScaling: _, ...rest } = base;
  return {
    ...rest,
    layers: fields.num_hidden_layers,
    ropeTheta: ropeThetaOf(fields) ?? base.ropeTheta,
    residualScale: 1,
    attention: gqa(fields, fields.head_dim ?? undefined, file),
    ffn: { kind: "dense", size: fields.intermediate_size, gated: true },
  };
}

/** Largest frequency ranking: some bytes for each token id. */
export const MAX_RANKING_BYTES = 16 * Limits.vocabSize;

/**
 * Reads a frequency ranking (FR-Spec, arXiv 2502.14856): a JSON list of different token ids, most frequent first.
 * @returns the first `count` of them.
 * @throws ConfigError for anything else, and for a list that is too short.
 */
export function parseRanking(json: Uint8Array, file: string, vocabSize: number, count: number): Uint32Array {
  let ids: unknown;
  try {
    ids = JSON.parse(new TextDecoder().decode(json));
  } catch (cause) {
    throw new ConfigError("is not JSON", { file, cause });
  }
  if (!Array.isArray(ids)) throw new ConfigError("must be a list of token ids, most frequent first", { file });
  if (ids.length < count)
    throw new ConfigError(`ranks ${ids.length} tokens, ${count} were asked for`, { file, field: "draftVocab", limit: ids.length });
  const seen = new Uint8Array(vocabSize);
  const out = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const id: unknown = ids[i];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new ConfigError(`must be a token id from 0 to ${vocabSize - 1}`, { file, field: `[${i}]`, limit: vocabSize - 1 });
    }
    if (seen[id] === 1) throw new ConfigError(`token ${id} is there twice`, { file, field: `[${i}]` });
    seen[id] = 1;
    out[i] = id;
  }
  return out;
}
