import type { ModelConfig, RouterKind } from "./config.ts";
import { alignUp, BF16, F32, matrixBytes, paddedRows, Q4, Q8, type WeightType } from "./panel.ts";
import type { Quantization } from "../architecture/quantization.ts";

/** Every part starts on a cache line. */
export const PART_ALIGN = 64;

/** A vector of f32, padded with zeros to whole panels. */
export interface VectorPart {
  readonly kind: "vector";
  readonly name: string;
  readonly length: number;
  readonly bytes: number;
  readonly offset: number;
}

/** `count` matrices [rows, cols] in panels, one after the other. */
export interface MatrixPart {
  readonly kind: "matrix";
  readonly name: string;
  readonly type: WeightType;
  readonly rows: number;
  readonly cols: number;
  readonly count: number;
  readonly bytes: number;
  readonly offset: number;
}

/** All experts of a layer: for each, up [size, hidden] then down [hidden, size], `stride` bytes apart. */
export interface ExpertsPart {
  readonly kind: "experts";
  readonly name: string;
  readonly type: WeightType;
  readonly experts: number;
  readonly size: number;
  readonly hidden: number;
  readonly stride: number;
  readonly bytes: number;
  readonly offset: number;
}

export type Part = VectorPart | MatrixPart | ExpertsPart;

/** What lies where in the weights of a model: in a packed file and, from the same offsets, in linear memory. */
export interface WeightPlan {
  readonly quantization: Quantization;
  readonly parts: readonly Part[];
  readonly byName: ReadonlyMap<string, Part>;
  readonly bytes: number;
}

/** Lays out the weights of a model in the order in which the forward pass reads them. */
export function planWeights(config: ModelConfig, quantization: Quantization): WeightPlan {
  const plan = new Planner(quantization);
  const ends: WeightType = quantization === "f32" ? F32 : quantization === "q4-all" ? Q4 : Q8;
  plan.matrix("embed", config.vocabSize, config.hiddenSize, ends);
  for (let l = 0; l < config.layers; l++) {
    plan.vector(`layers.${l}.attn_norm`, config.hiddenSize);
    planLayer(config, `layers.${l}.`, plan);
  }
  plan.vector("final_norm", config.hiddenSize);
  if (!config.tied) plan.matrix("head", config.vocabSize, config.hiddenSize, ends);
  return plan.finish();
}

/** Puts parts one after the other. */
export class Planner {
  readonly quantization: Quantization;
  readonly #body: WeightType;
  readonly #parts: Part[] = [];
  #offset = 0;

  constructor(quantization: Quantization) {
    this.quantization = quantization;
    this.#body = quantization === "f32" ? F32 : quantization === "q8" ? Q8 : Q4;
  }

  vector(name: string, length: number): void {
    this.#add({ kind: "vector", name, length, bytes: paddedRows(length) * 4, offset: this.#offset });
  }

  matrix(name: string, rows: number, cols: number, type = this.#body, count = 1): void {
    this.#add({ kind: "matrix", name, type, rows, cols, count, bytes: count * matrixBytes(type, rows, cols), offset: this.#offset });
  }

  experts(name: string, count: number, size: number, hidden: number): void {
    const type = this.#body;
    const stride = alignUp(matrixBytes(type, size, hidden) + matrixBytes(type, hidden, size), PART_ALIGN);
    this.#add({ kind: "experts", name, type, experts: count, size, hidden, stride, bytes: count * stride, offset: this.#offset });
  }

  finish(): WeightPlan {
    const parts = this.#parts;
    return { quantization: this.quantization, parts, byName: new Map(parts.map((part) => [part.name, part])), bytes: this.#offset };
  }

  #add(part: Part): void {
    this.#parts.push(part);
    this.#offset = alignUp(this.#offset + part.bytes, PART_ALIGN);
  }
}

/** A layer, but for the norm before its attention. */
export function planLayer(config: ModelConfig, prefix: string, plan: Planner): void {
  const { attention, ffn, hiddenSize } = config;
  if (attention.kind === "gqa") {
    plan.matrix(`${prefix}attn.q`, attention.heads * attention.headDim, hiddenSize);
    plan.matrix(`${prefix}attn.k`, attention.kvHeads * attention.headDim, hiddenSize);
    plan.matrix(`${prefix}attn.v`, attention.kvHeads * attention.headDim, hiddenSize);
    plan.matrix(`${prefix}attn.o`, hiddenSize, attention.heads * attention.headDim);
  } else {
    const { heads, qRank, kvRank, nopeDim, ropeDim, valueDim } = attention;
    plan.matrix(`${prefix}attn.q_down`, qRank, hiddenSize);
    plan.vector(`${prefix}attn.q_norm`, qRank);
    plan.matrix(`${prefix}attn.q_up`, heads * (nopeDim + ropeDim), qRank);
    plan.matrix(`${prefix}attn.kv_down`, kvRank + ropeDim, hiddenSize);
    plan.vector(`${prefix}attn.kv_norm`, kvRank);
    plan.matrix(`${prefix}attn.k_absorb`, kvRank, nopeDim, undefined, heads);
    plan.matrix(`${prefix}attn.v_absorb`, valueDim, kvRank, undefined, heads);
    plan.matrix(`${prefix}attn.o`, hiddenSize, heads * valueDim);
  }
  plan.vector(`${prefix}ffn_norm`, hiddenSize);
  if (ffn.kind === "dense") {
    planMlp(plan, `${prefix}ffn.`, ffn.size, ffn.gated, hiddenSize);
    return;
  }
  plan.matrix(`${prefix}router`, ffn.experts, hiddenSize, plan.quantization === "f32" ? F32 : routerType(ffn.router));
  if (ffn.router === "block" && ffn.routerNorm === "rms") plan.vector(`${prefix}router_norm`, ffn.experts);
  if (ffn.sharedSize > 0) planMlp(plan, `${prefix}shared.`, ffn.sharedSize, ffn.sharedGated, hiddenSize);
  plan.experts(`${prefix}experts`, ffn.experts, ffn.expertSize, hiddenSize);
}

/**
 * A ReLU router's scores pass through zero, so an expert that rounding switches on or off had next to no weight: 8 bits. The others pick the
 * largest scores, and a pick that changes changes much: bf16, as published checkpoints hold it.
 */
function routerType(router: RouterKind): WeightType {
  return router === "block" || router === "relu" ? Q8 : BF16;
}

function planMlp(plan: Planner, prefix: string, size: number, gated: boolean, hidden: number): void {
  if (gated) plan.matrix(`${prefix}gate`, size, hidden);
  plan.matrix(`${prefix}up`, size, hidden);
  plan.matrix(`${prefix}down`, hidden, size);
}
