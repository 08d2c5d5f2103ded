import { ROUTER_BLOCK, ROUTER_NORM_RMS, ROUTER_RELU, WEIGHT_BF16, WEIGHT_F32, WEIGHT_Q4, WEIGHT_Q8 } from "../../assembly/layout";
import { ModelConfig } from "./config";
import { alignUp, matrixBytes, paddedRows } from "./panel";

// Mirrors src/architecture/plan.ts: what lies where in the weights of a model.

export const PART_ALIGN: u64 = 64;
export const PART_VECTOR: i32 = 0;
export const PART_MATRIX: i32 = 1;
export const PART_EXPERTS: i32 = 2;

export const QUANTIZATIONS = ["f32", "q8", "q4", "q4-all"];
/** Their types of matrices, and of embedding and head. */
const BODY = [WEIGHT_F32, WEIGHT_Q8, WEIGHT_Q4, WEIGHT_Q4];
const ENDS = [WEIGHT_F32, WEIGHT_Q8, WEIGHT_Q8, WEIGHT_Q4];

/** A vector (`rows` long), `count` matrices [rows, cols], or `count` experts: up [rows, cols] then down [cols, rows], `stride` bytes apart. */
export class Part {
  constructor(
    public kind: i32, public name: string, public type: i32, public rows: i32, public cols: i32, public count: i32, public stride: u64, public bytes: u64, public offset: u64,
  ) {}
}

export class WeightPlan {
  parts: Part[] = [];
  byName: Map<string, Part> = new Map();
  private next: u64 = 0;

  /** @param body weight type of all matrices but embedding, head and router */
  constructor(public body: i32) {}

  vector(name: string, length: i32): void {
    this.add(new Part(PART_VECTOR, name, WEIGHT_F32, length, 1, 1, 0, paddedRows(length) * 4, this.next));
  }

  matrix(name: string, rows: i32, cols: i32, type: i32 = this.body, count: i32 = 1): void {
    this.add(new Part(PART_MATRIX, name, type, rows, cols, count, 0, <u64>count * matrixBytes(type, rows, cols), this.next));
  }

  experts(name: string, count: i32, size: i32, hidden: i32): void {
    const stride = alignUp(matrixBytes(this.body, size, hidden) + matrixBytes(this.body, hidden, size), PART_ALIGN);
    this.add(new Part(PART_EXPERTS, name, this.body, size, hidden, count, stride, <u64>count * stride, this.next));
  }

  /** Bytes of all parts, with the padding after the last one. */
  get bytes(): u64 {
    return this.next;
  }

  /** Bytes up to the end of the last part. */
  get end(): u64 {
    const last = this.parts[this.parts.length - 1];
    return last.offset + last.bytes;
  }

  private add(part: Part): void {
    this.parts.push(part);
    this.byName.set(part.name, part);
    this.next = alignUp(this.next + part.bytes, PART_ALIGN);
  }
}

/** Lays out the weights of a model in the order in which the forward pass reads them. @param quantization place in QUANTIZATIONS */
export function planWeights(config: ModelConfig, quantization: i32): WeightPlan {
  const plan = new WeightPlan(BODY[quantization]);
  const ends = ENDS[quantization];
  plan.matrix("embed", config.vocabSize, config.hiddenSize, ends);
  for (let l = 0; l < config.layers; l++) {
    const prefix = `layers.${l}.`;
    plan.vector(prefix + "attn_norm", config.hiddenSize);
    planAttention(config, prefix, plan);
    plan.vector(prefix + "ffn_norm", config.hiddenSize);
    planFfn(config, prefix, plan);
  }
  plan.vector("final_norm", config.hiddenSize);
  if (!config.tied) plan.matrix("head", config.vocabSize, config.hiddenSize, ends);
  return plan;
}

function planAttention(config: ModelConfig, prefix: string, plan: WeightPlan): void {
  const hidden = config.hiddenSize;
  const heads = config.heads;
  if (!config.mla) {
    plan.matrix(prefix + "attn.q", heads * config.headDim, hidden);
    plan.matrix(prefix + "attn.k", config.kvHeads * config.headDim, hidden);
    plan.matrix(prefix + "attn.v", config.kvHeads * config.headDim, hidden);
    plan.matrix(prefix + "attn.o", hidden, heads * config.headDim);
    return;
  }
  plan.matrix(prefix + "attn.q_down", config.qRank, hidden);
  plan.vector(prefix + "attn.q_norm", config.qRank);
  plan.matrix(prefix + "attn.q_up", heads * config.queryDim, config.qRank);
  plan.matrix(prefix + "attn.kv_down", config.kvRank + config.ropeDim, hidden);
  plan.vector(prefix + "attn.kv_norm", config.kvRank);
  plan.matrix(prefix + "attn.k_absorb", config.kvRank, config.nopeDim, plan.body, heads);
  plan.matrix(prefix + "attn.v_absorb", config.valueDim, config.kvRank, plan.body, heads);
  plan.matrix(prefix + "attn.o", hidden, heads * config.valueDim);
}

function planFfn(config: ModelConfig, prefix: string, plan: WeightPlan): void {
  const hidden = config.hiddenSize;
  if (config.experts === 0) return planMlp(plan, prefix + "ffn.", config.ffnSize, config.gated, hidden);
  plan.matrix(prefix + "router", config.experts, hidden, plan.body === WEIGHT_F32 ? WEIGHT_F32 : routerType(config.router));
  if (config.router === ROUTER_BLOCK && config.routerNorm === ROUTER_NORM_RMS) plan.vector(prefix + "router_norm", config.experts);
  if (config.sharedSize > 0) planMlp(plan, prefix + "shared.", config.sharedSize, config.sharedGated, hidden);
  plan.experts(prefix + "experts", config.experts, config.expertSize, hidden);
}

/** As src/architecture/plan.ts. */
function routerType(router: i32): i32 {
  return router === ROUTER_BLOCK || router === ROUTER_RELU ? WEIGHT_Q8 : WEIGHT_BF16;
}

function planMlp(plan: WeightPlan, prefix: string, size: i32, gated: bool, hidden: i32): void {
  if (gated) plan.matrix(prefix + "gate", size, hidden);
  plan.matrix(prefix + "up", size, hidden);
  plan.matrix(prefix + "down", hidden, size);
}
