import { fail, failed } from "../failure";
import { ConfigFields } from "../format/fields";
import {
  ROUTER_BLOCK, ROUTER_NORM_NONE, ROUTER_NORM_RMS, ROUTER_NORM_SUM, ROUTER_RELU, ROUTER_SPARSE_MIXER, ROUTER_TOPK, ROUTER_TOPP,
} from "../../assembly/layout";

// Mirrors ModelConfig of src/architecture/config.ts; the limits are those of src/format/hf/schema.ts and packed-config.ts.

const MAX_WIDTH: i32 = 1 << 18;
const MAX_FFN: i32 = 1 << 20;
const MAX_HEADS: i32 = 1024;
const MAX_HEAD_DIM: i32 = 4096;
const MAX_EXPERTS: i32 = 4096;
const MAX_SCALE: f64 = 1e6;

/** A model's architecture. */
export class ModelConfig {
  vocabSize: i32 = 0;
  hiddenSize: i32 = 0;
  layers: i32 = 0;
  contextLength: i32 = 0;
  rmsEps: f64 = 0;
  ropeTheta: f64 = 0;
  embedScale: f64 = 0;
  residualScale: f64 = 0;
  logitScale: f64 = 0;
  tied: bool = false;
  eosTokens: i32[] = [];

  /** MLA, else grouped-query attention. */
  mla: bool = false;
  heads: i32 = 0;
  kvHeads: i32 = 0;
  headDim: i32 = 0;
  qRank: i32 = 0;
  kvRank: i32 = 0;
  nopeDim: i32 = 0;
  ropeDim: i32 = 0;
  valueDim: i32 = 0;
  loraEps: f64 = 0;

  /** Experts; 0 is a dense FFN. */
  experts: i32 = 0;
  ffnSize: i32 = 0;
  gated: bool = false;
  router: i32 = 0;
  expertSize: i32 = 0;
  routerNorm: i32 = 0;
  normScale: f64 = 0;
  topK: i32 = 0;
  topP: f64 = 0;
  sharedSize: i32 = 0;
  sharedGated: bool = false;

  /** Takes the fields of a packed model's configuration. Fails naming the field. */
  take(fields: ConfigFields): void {
    fields.word("architecture", ["minicpm", "llama"]);
    this.vocabSize = fields.size("vocabSize", 1 << 20);
    this.hiddenSize = fields.size("hiddenSize", 65536);
    this.layers = fields.size("layers", 512);
    this.contextLength = fields.size("contextLength", 1 << 20);
    this.rmsEps = fields.positive("rmsEps", 1);
    this.ropeTheta = fields.positive("ropeTheta", 1e12);
    this.embedScale = fields.positive("embedScale", MAX_SCALE);
    this.residualScale = fields.positive("residualScale", MAX_SCALE);
    this.logitScale = fields.positive("logitScale", MAX_SCALE);
    this.tied = fields.flag("tied");
    if (fields.has("bosTokenId")) fields.size("bosTokenId", this.vocabSize - 1, 0);
    this.eosTokens = fields.takeList();
    for (let i = 0; i < this.eosTokens.length; i++) if (this.eosTokens[i] >= this.vocabSize) fields.wrong("eosTokenIds", `holds ${this.eosTokens[i]}, which is not in the vocabulary of ${this.vocabSize}`);
    this.takeAttention(fields);
    if (fields.word("ffn.kind", ["dense", "experts"]) === 0) {
      this.ffnSize = fields.size("ffn.size", MAX_FFN);
      this.gated = fields.flag("ffn.gated");
    } else {
      this.takeExperts(fields);
    }
    fields.finish();
    if (!failed()) this.checkFit();
  }

  /** Dimensions that RoPE turns. */
  get rotated(): i32 {
    return this.mla ? this.ropeDim : this.headDim;
  }

  /** Query floats of a head. */
  get queryDim(): i32 {
    return this.mla ? this.nopeDim + this.ropeDim : this.headDim;
  }

  private takeAttention(fields: ConfigFields): void {
    this.mla = fields.word("attention.kind", ["gqa", "mla"]) === 1;
    this.heads = fields.size("attention.heads", MAX_HEADS);
    if (this.mla) {
      this.qRank = fields.size("attention.qRank", MAX_WIDTH);
      this.kvRank = fields.size("attention.kvRank", MAX_WIDTH);
      this.nopeDim = fields.size("attention.nopeDim", MAX_HEAD_DIM);
      this.ropeDim = fields.size("attention.ropeDim", MAX_HEAD_DIM);
      this.valueDim = fields.size("attention.valueDim", MAX_HEAD_DIM);
      this.loraEps = fields.positive("attention.loraEps", 1);
    } else {
      this.kvHeads = fields.size("attention.kvHeads", MAX_HEADS);
      this.headDim = fields.size("attention.headDim", MAX_HEAD_DIM);
    }
  }

  private takeExperts(fields: ConfigFields): void {
    this.router = [ROUTER_BLOCK, ROUTER_TOPK, ROUTER_TOPP, ROUTER_RELU, ROUTER_SPARSE_MIXER][fields.word("ffn.router", ["block", "topk", "topp", "relu", "sparse_mixer"])];
    this.experts = fields.size("ffn.experts", MAX_EXPERTS);
    this.expertSize = fields.size("ffn.expertSize", MAX_FFN);
    this.routerNorm = [ROUTER_NORM_RMS, ROUTER_NORM_SUM, ROUTER_NORM_NONE][fields.word("ffn.routerNorm", ["rms", "sum", "none"])];
    this.normScale = fields.number("ffn.normScale");
    this.topK = fields.size("ffn.topK", MAX_EXPERTS, 0);
    this.topP = fields.number("ffn.topP");
    this.sharedSize = fields.size("ffn.sharedSize", MAX_FFN, 0);
    this.sharedGated = fields.flag("ffn.sharedGated");
  }

  /** What the engine relies on beyond each field's own range. */
  private checkFit(): void {
    const field = "blockffn.config";
    if (this.rotated % 2 !== 0) fail(`RoPE turns pairs; ${this.rotated} dimensions are odd`, field);
    if (!this.mla && this.heads % this.kvHeads !== 0) fail(`${this.kvHeads} key/value heads do not divide ${this.heads} heads`, field);
    if (this.heads * this.queryDim > MAX_WIDTH) fail(`attention is wider than ${MAX_WIDTH}`, field);
    if (this.experts === 0) return;
    if (<i64>this.experts * this.expertSize > <i64>MAX_FFN) fail(`the experts together are wider than ${MAX_FFN}`, field);
    const picks = this.router === ROUTER_TOPK || this.router === ROUTER_SPARSE_MIXER;
    if (picks && (this.topK < 1 || this.topK > this.experts)) fail(`topK ${this.topK} is not in 1..${this.experts}`, field);
  }
}
