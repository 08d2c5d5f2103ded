import { FieldReader } from "./fields.ts";
import {
  ACTIVATION_GELU,
  ACTIVATION_NONE,
  ACTIVATION_RELU,
  ACTIVATION_RELU_SQUARED,
  ACTIVATION_SIGMOID,
  ACTIVATION_SILU,
  ROUTER_BLOCK,
  ROUTER_NORM_NONE,
  ROUTER_NORM_RMS,
  ROUTER_NORM_SCALE,
  ROUTER_NORM_STANDARD,
  ROUTER_NORM_SUM,
  ROUTER_RELU,
  ROUTER_SPARSE_MIXER,
  ROUTER_TOPK,
  ROUTER_TOPP,
} from "./layout/kinds.ts";
import { Limits } from "./limits.ts";
import { digits } from "./problem.ts";

const FAMILIES: string[] = ["minicpm", "llama", "blockffn", "qwen2", "qwen3"];
export const FAMILY_BLOCKFFN = 2;
const ATTENTIONS: string[] = ["gqa", "mla"];
const ROPE_SCALINGS: string[] = ["linear", "llama3"];
const FFNS: string[] = ["dense", "experts"];
const ROUTERS: string[] = ["block", "topk", "topp", "relu", "sparse_mixer"];
const ROUTER_CODES: i32[] = [ROUTER_BLOCK, ROUTER_TOPK, ROUTER_TOPP, ROUTER_RELU, ROUTER_SPARSE_MIXER];
const ROUTER_NORMS: string[] = ["rms", "sum", "none", "scale", "standard"];
const ROUTER_NORM_CODES: i32[] = [ROUTER_NORM_RMS, ROUTER_NORM_SUM, ROUTER_NORM_NONE, ROUTER_NORM_SCALE, ROUTER_NORM_STANDARD];
const ROUTER_SCALES: string[] = ["learned", "scalar", "fixed"];
export const SCALE_LEARNED = 0;
export const SCALE_SCALAR = 1;
export const SCALE_FIXED = 2;
const ACTIVATIONS: string[] = ["silu", "relu", "relu_squared", "gelu", "sigmoid", "none"];
const ACTIVATION_CODES: i32[] = [
  ACTIVATION_SILU,
  ACTIVATION_RELU,
  ACTIVATION_RELU_SQUARED,
  ACTIVATION_GELU,
  ACTIVATION_SIGMOID,
  ACTIVATION_NONE,
];
const EXPERT_NORMS: string[] = ["none", "mean_rms", "rms", "mean"];
/** EXPERT_BIAS_* of layout/kinds.ts. */
const EXPERT_BIASES: string[] = ["none", "plain", "rms"];

/**
 * What a model is, all defaults and oddities resolved: the flat form of src/architecture/config.ts's ModelConfig, whose JSON packed files
 * carry. Fields of what a model does not have are 0. Everything that follows from the fields is derived here, once.
 */
export class Architecture {
  /** FAMILY_*: whose names a checkpoint's tensors have. */
  family: i32 = 0;
  vocabSize: i32 = 0;
  hiddenSize: i32 = 0;
  layers: i32 = 0;
  contextLength: i32 = 0;
  rmsEps: f64 = 0;
  ropeTheta: f64 = 0;
  /** What RoPE's frequencies are divided by: all of them, or (`ropeOriginal` above 0, Llama 3.1) the low ones; 1 for none. */
  ropeFactor: f64 = 1;
  ropeLow: f64 = 0;
  ropeHigh: f64 = 0;
  ropeOriginal: f64 = 0;
  embedScale: f64 = 0;
  residualScale: f64 = 0;
  logitScale: f64 = 0;
  tied: bool = false;
  eosTokens: i32[] = [];

  /** Multi-head latent attention, else grouped-query attention. */
  mla: bool = false;
  heads: i32 = 0;
  kvHeads: i32 = 0;
  headDim: i32 = 0;
  /** GQA: queries, keys and values have a bias; every head's query and key has a norm. */
  qkvBias: bool = false;
  qkNorm: bool = false;
  qRank: i32 = 0;
  kvRank: i32 = 0;
  nopeDim: i32 = 0;
  ropeDim: i32 = 0;
  valueDim: i32 = 0;
  loraEps: f64 = 0;

  /** Width of the dense feed-forward network; 0 where every layer has experts. */
  ffnSize: i32 = 0;
  gated: bool = false;
  /** Routed experts; 0 for a dense feed-forward network. */
  experts: i32 = 0;
  expertSize: i32 = 0;
  /** ROUTER_* and ROUTER_NORM_* of layout/kinds.ts. */
  router: i32 = 0;
  routerNorm: i32 = 0;
  normScale: f64 = 0;
  topK: i32 = 0;
  topP: f64 = 0;
  /** Width of the shared experts together; 0 for none. */
  sharedSize: i32 = 0;
  sharedGated: bool = false;
  /** Layers of a model with experts that have a dense network instead, ascending. */
  denseLayers: i32[] = [];
  /** ACTIVATION_* of layout/kinds.ts: of the experts, and of a block router. */
  expertActivation: i32 = 0;
  routerActivation: i32 = 0;
  /** What an expert's activation reads: less the mean over all experts' (taken off the weights when they are packed), and normed. */
  expertCentred: bool = false;
  expertNormed: bool = false;
  expertGated: bool = false;
  /** EXPERT_BIAS_* of layout/kinds.ts. */
  expertBias: i32 = 0;
  /** SCALE_*: what a block router's norm multiplies with; a fixed one is normScale. */
  routerScale: i32 = 0;

  /** Dimensions of a query that RoPE turns. */
  get rotated(): i32 {
    return this.mla ? this.ropeDim : this.headDim;
  }

  /** Floats of a head's query. */
  get queryDim(): i32 {
    return this.mla ? this.nopeDim + this.ropeDim : this.headDim;
  }

  /** Floats of all queries. */
  get queryWidth(): f64 {
    return (this.heads as f64) * this.queryDim;
  }

  /** Heads whose keys and values are kept: MLA keeps one compressed row for all. */
  get cacheHeads(): i32 {
    return this.mla ? 1 : this.kvHeads;
  }

  /** Floats of a key in the cache. */
  get keyDim(): i32 {
    return this.mla ? this.kvRank + this.ropeDim : this.headDim;
  }

  /** Floats of a value in the cache (MLA: the head of the key row). */
  get valueRowDim(): i32 {
    return this.mla ? this.kvRank : this.headDim;
  }

  /** Floats of all keys of a token. */
  get keyWidth(): f64 {
    return (this.cacheHeads as f64) * this.keyDim;
  }

  /** Floats of all values of a token in the cache: MLA's are part of its keys. */
  get valueWidth(): f64 {
    return this.mla ? 0 : this.keyWidth;
  }

  /** Floats of a head's value. */
  get headOut(): i32 {
    return this.mla ? this.valueDim : this.headDim;
  }

  /** Floats that attention gives to its output projection. */
  get attentionWidth(): f64 {
    return (this.heads as f64) * this.headOut;
  }

  /** Width of the widest network that every token uses: dense, or the shared experts. */
  get commonSize(): i32 {
    return this.ffnSize > this.sharedSize ? this.ffnSize : this.sharedSize;
  }

  get commonGated(): bool {
    return (this.ffnSize > 0 && this.gated) || (this.sharedSize > 0 && this.sharedGated);
  }

  /** Does a layer have experts? */
  hasExperts(layer: i32): bool {
    return this.experts > 0 && !this.denseLayers.includes(layer);
  }

  /** Layers with experts. */
  get expertLayers(): i32 {
    return this.experts === 0 ? 0 : this.layers - this.denseLayers.length;
  }

  /** Has the router's norm a weight? */
  get routerScaled(): bool {
    return this.routerNorm === ROUTER_NORM_RMS || this.routerNorm === ROUTER_NORM_SCALE || this.routerNorm === ROUTER_NORM_STANDARD;
  }

  /** Does the router pick a fixed number of experts? */
  get picksTopK(): bool {
    return this.router === ROUTER_TOPK || this.router === ROUTER_SPARSE_MIXER;
  }

  /** Do a router's scores pass through zero, so that experts go on and off gently? */
  get routerIsRelu(): bool {
    return this.router === ROUTER_BLOCK || this.router === ROUTER_RELU;
  }
}

/** Reads a configuration. What is wrong is `fields.problem`; the result is then of no use. */
export function readArchitecture(fields: FieldReader): Architecture {
  const a = new Architecture();
  a.family = fields.word("architecture", FAMILIES);
  a.vocabSize = fields.size("vocabSize", Limits.vocabSize);
  a.hiddenSize = fields.size("hiddenSize", Limits.hiddenSize);
  a.layers = fields.size("layers", Limits.layers);
  a.contextLength = fields.size("contextLength", Limits.contextLength);
  a.rmsEps = fields.positive("rmsEps", Limits.epsilon);
  a.ropeTheta = fields.positive("ropeTheta", Limits.ropeTheta);
  if (fields.has("ropeScaling.kind")) readRopeScaling(a, fields);
  a.embedScale = fields.positive("embedScale", Limits.scale);
  a.residualScale = fields.positive("residualScale", Limits.scale);
  a.logitScale = fields.positive("logitScale", Limits.scale);
  a.tied = fields.flag("tied");
  if (fields.has("bosTokenId")) checkToken(fields, "bosTokenId", fields.size("bosTokenId", Limits.vocabSize - 1, 0), a.vocabSize);
  a.eosTokens = fields.integers("eosTokenIds", Limits.eosTokens, Limits.vocabSize);
  for (let i = 0; i < a.eosTokens.length; i++) checkToken(fields, "eosTokenIds", a.eosTokens[i]!, a.vocabSize);
  readAttention(a, fields);
  if (fields.word("ffn.kind", FFNS) === 0) {
    a.ffnSize = fields.size("ffn.size", Limits.ffnSize);
    a.gated = fields.flag("ffn.gated");
  } else {
    readExperts(a, fields);
  }
  fields.finish();
  checkFit(a, fields);
  return a;
}

/** Position interpolation (arXiv 2306.15595), or Llama 3.1's by wavelength. */
function readRopeScaling(a: Architecture, fields: FieldReader): void {
  const byWavelength = fields.word("ropeScaling.kind", ROPE_SCALINGS) === 1;
  a.ropeFactor = fields.positive("ropeScaling.factor", Limits.scale);
  if (!byWavelength) return;
  a.ropeLow = fields.positive("ropeScaling.low", Limits.scale);
  a.ropeHigh = fields.positive("ropeScaling.high", Limits.scale);
  a.ropeOriginal = fields.size("ropeScaling.original", Limits.contextLength);
  if (fields.problem === null && a.ropeHigh <= a.ropeLow) fields.wrong("ropeScaling.high", "must be above ropeScaling.low");
}

function readAttention(a: Architecture, fields: FieldReader): void {
  a.mla = fields.word("attention.kind", ATTENTIONS) === 1;
  a.heads = fields.size("attention.heads", Limits.heads);
  if (a.mla) {
    a.qRank = fields.size("attention.qRank", Limits.attentionWidth);
    a.kvRank = fields.size("attention.kvRank", Limits.attentionWidth);
    a.nopeDim = fields.size("attention.nopeDim", Limits.headDim);
    a.ropeDim = fields.size("attention.ropeDim", Limits.headDim);
    a.valueDim = fields.size("attention.valueDim", Limits.headDim);
    a.loraEps = fields.positive("attention.loraEps", Limits.epsilon);
  } else {
    a.kvHeads = fields.size("attention.kvHeads", Limits.heads);
    a.headDim = fields.size("attention.headDim", Limits.headDim);
    a.qkvBias = fields.has("attention.qkvBias") && fields.flag("attention.qkvBias");
    a.qkNorm = fields.has("attention.qkNorm") && fields.flag("attention.qkNorm");
  }
}

function readExperts(a: Architecture, fields: FieldReader): void {
  a.router = ROUTER_CODES[fields.word("ffn.router", ROUTERS)]!;
  a.experts = fields.size("ffn.experts", Limits.experts);
  a.expertSize = fields.size("ffn.expertSize", Limits.ffnSize);
  a.routerNorm = ROUTER_NORM_CODES[fields.word("ffn.routerNorm", ROUTER_NORMS)]!;
  a.normScale = fields.number("ffn.normScale");
  a.topK = fields.size("ffn.topK", Limits.experts, 0);
  a.topP = fields.number("ffn.topP");
  a.sharedSize = fields.size("ffn.sharedSize", Limits.ffnSize, 0);
  a.sharedGated = fields.flag("ffn.sharedGated");
  a.expertActivation = ACTIVATION_CODES[optionalWord(fields, "ffn.activation", ACTIVATIONS, 0)]!;
  a.routerActivation = ACTIVATION_CODES[optionalWord(fields, "ffn.routerActivation", ACTIVATIONS, 1)]!;
  const norm = optionalWord(fields, "ffn.expertNorm", EXPERT_NORMS, 0);
  a.expertCentred = (norm & 1) === 1;
  a.expertNormed = norm === 1 || norm === 2;
  a.expertGated = fields.has("ffn.expertGated") && fields.flag("ffn.expertGated");
  a.expertBias = optionalWord(fields, "ffn.expertBias", EXPERT_BIASES, 0);
  a.routerScale = optionalWord(fields, "ffn.routerScale", ROUTER_SCALES, SCALE_LEARNED);
  if (!fields.has("ffn.denseLayers")) return;
  a.denseLayers = fields.integers("ffn.denseLayers", Limits.layers, a.layers);
  a.ffnSize = fields.size("ffn.denseSize", Limits.ffnSize);
  a.gated = fields.flag("ffn.denseGated");
}

/** A word that may be left out; `place` is then taken. */
function optionalWord(fields: FieldReader, name: string, names: string[], place: i32): i32 {
  return fields.has(name) ? fields.word(name, names) : place;
}

function checkToken(fields: FieldReader, field: string, id: i32, vocabSize: i32): void {
  if (id >= vocabSize) fields.wrong(field, "token " + digits(id) + " is not in the vocabulary of " + digits(vocabSize), vocabSize - 1);
}

/** What the engine relies on beyond each field's own range. */
function checkFit(a: Architecture, fields: FieldReader): void {
  if (fields.problem !== null) return;
  if ((a.rotated & 1) !== 0) fields.unfit("RoPE turns pairs; " + digits(a.rotated) + " dimensions are odd");
  if (!a.mla && a.heads % a.kvHeads !== 0) fields.unfit(digits(a.kvHeads) + " key/value heads do not divide " + digits(a.heads) + " heads");
  if (a.queryWidth > Limits.attentionWidth) fields.unfit("attention is wider than " + digits(Limits.attentionWidth));
  if (a.experts === 0) return;
  if ((a.experts as f64) * a.expertSize > Limits.ffnSize) fields.unfit("the experts together are wider than " + digits(Limits.ffnSize));
  if (a.denseLayers.length >= a.layers) fields.unfit("no layer has experts");
  for (let i = 1; i < a.denseLayers.length; i++) if (a.denseLayers[i]! <= a.denseLayers[i - 1]!) fields.unfit("dense layers must ascend");
  if (a.picksTopK && (a.topK < 1 || a.topK > a.experts)) fields.unfit("topK " + digits(a.topK) + " is not in 1.." + digits(a.experts));
}
