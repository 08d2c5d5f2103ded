import * as v from "valibot";
import { ConfigError } from "../../errors.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { CONFIG_LIMITS as MAX } from "../../architecture/limits.ts";
import { check, oneOf, positive, size } from "../hf/schema.ts";

const flag = v.boolean("must be true or false");
const tokenId = size(MAX.vocabSize - 1, 0);

const AttentionSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("gqa"), heads: size(MAX.heads), kvHeads: size(MAX.heads), headDim: size(MAX.headDim) }),
  v.strictObject({
    kind: v.literal("mla"), heads: size(MAX.heads), qRank: size(MAX.attentionWidth), kvRank: size(MAX.attentionWidth), nopeDim: size(MAX.headDim),
    ropeDim: size(MAX.headDim), valueDim: size(MAX.headDim), loraEps: positive(1),
  }),
]);

const FfnSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("dense"), size: size(MAX.ffnSize), gated: flag }),
  v.strictObject({
    kind: v.literal("experts"), router: oneOf(["block", "topk", "topp", "relu", "sparse_mixer"]), experts: size(MAX.experts), expertSize: size(MAX.ffnSize),
    routerNorm: oneOf(["rms", "sum", "none"]), normScale: v.pipe(v.number(), v.finite()), topK: size(MAX.experts, 0), topP: v.pipe(v.number(), v.finite()),
    sharedSize: size(MAX.ffnSize, 0), sharedGated: flag,
  }),
]);

export const ConfigSchema = v.strictObject({
  architecture: oneOf(["minicpm", "llama"]),
  vocabSize: size(MAX.vocabSize),
  hiddenSize: size(MAX.hiddenSize),
  layers: size(MAX.layers),
  contextLength: size(MAX.contextLength),
  rmsEps: positive(1),
  ropeTheta: positive(MAX.ropeTheta),
  embedScale: positive(MAX.scale),
  residualScale: positive(MAX.scale),
  logitScale: positive(MAX.scale),
  tied: flag,
  attention: AttentionSchema,
  ffn: FfnSchema,
  bosTokenId: v.optional(tokenId),
  eosTokenIds: v.pipe(v.array(tokenId), v.maxLength(MAX.eosTokens)),
});

/**
 * Reads the configuration that a packed model carries: a ModelConfig as JSON.
 * @throws ConfigError naming the file and the field.
 */
export function parsePackedConfig(json: string, file: string, field: string): ModelConfig {
  const parsed = check(ConfigSchema, parseMetadata(json, file, field), file);
  const config: ModelConfig = { ...parsed, bosTokenId: parsed.bosTokenId };
  checkFit(config, file, field);
  return config;
}

/** JSON of a metadata entry. @throws ConfigError naming the file and the field. */
export function parseMetadata(json: string, file: string, field: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new ConfigError("is not JSON", { file, field, cause });
  }
}

/** What the engine relies on beyond each field's own range. */
export function checkFit({ attention: a, ffn, vocabSize, bosTokenId, eosTokenIds }: ModelConfig, file: string, field: string): void {
  const fail = (what: string): never => {
    throw new ConfigError(what, { file, field });
  };
  const rotated = a.kind === "gqa" ? a.headDim : a.ropeDim;
  if (rotated % 2 !== 0) fail(`RoPE turns pairs; ${rotated} dimensions are odd`);
  if (a.kind === "gqa" && a.heads % a.kvHeads !== 0) fail(`${a.kvHeads} key/value heads do not divide ${a.heads} heads`);
  if (a.heads * (a.kind === "gqa" ? a.headDim : a.nopeDim + a.ropeDim) > MAX.attentionWidth) fail(`attention is wider than ${MAX.attentionWidth}`);
  if (ffn.kind === "experts") {
    if (ffn.experts * ffn.expertSize > MAX.ffnSize) fail(`the experts together are wider than ${MAX.ffnSize}`);
    const picks = ffn.router === "topk" || ffn.router === "sparse_mixer";
    if (picks && (ffn.topK < 1 || ffn.topK > ffn.experts)) fail(`topK ${ffn.topK} is not in 1..${ffn.experts}`);
  }
  for (const id of [bosTokenId ?? 0, ...eosTokenIds]) if (id >= vocabSize) fail(`token ${id} is not in the vocabulary of ${vocabSize}`);
}
