import * as L from "../../assembly/layout.ts";
import { BlockFFNError } from "../errors.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { MatrixPart, WeightPlan } from "../architecture/plan.ts";
import type { FfnMode } from "./types.ts";

const ROUTERS = {
  block: L.ROUTER_BLOCK, topk: L.ROUTER_TOPK, topp: L.ROUTER_TOPP, relu: L.ROUTER_RELU, sparse_mixer: L.ROUTER_SPARSE_MIXER,
} as const;
const ROUTER_NORMS = { rms: L.ROUTER_NORM_RMS, sum: L.ROUTER_NORM_SUM, none: L.ROUTER_NORM_NONE } as const;

/** Addresses that a model descriptor points to. */
export interface Addresses {
  readonly descriptor: number;
  readonly layers: number;
  readonly frequencies: number;
  readonly scratch: number;
  readonly weights: number;
}

/** Writes the model and layer descriptors of layout.ts. */
export function writeDescriptors(view: DataView, at: Addresses, config: ModelConfig, plan: WeightPlan, maxChunk: number, ffn: FfnMode): void {
  const fields = new Fields(view, at.descriptor, plan, at.weights);
  writeModel(fields, at, config, plan, maxChunk, ffn);
  fields.matrix(L.MODEL_EMBED, "embed");
  fields.matrix(L.MODEL_HEAD, config.tied ? "embed" : "head");
  fields.vector(L.MODEL_FINAL_NORM, "final_norm");
  writeLayers(view, at, config, plan);
}

/** Writes what a model descriptor says beside its weights. */
export function writeModel(fields: Fields, at: Addresses, config: ModelConfig, plan: WeightPlan, maxChunk: number, ffn: FfnMode): void {
  const { attention: a } = config;
  const gqa = a.kind === "gqa";
  fields.int(L.MODEL_VERSION, L.LAYOUT_VERSION);
  fields.int(L.MODEL_VOCAB, config.vocabSize);
  fields.int(L.MODEL_HIDDEN, config.hiddenSize);
  fields.int(L.MODEL_LAYERS, config.layers);
  fields.float(L.MODEL_RMS_EPS, config.rmsEps);
  fields.float(L.MODEL_LORA_EPS, gqa ? config.rmsEps : a.loraEps);
  fields.float(L.MODEL_EMBED_SCALE, config.embedScale);
  fields.float(L.MODEL_RESIDUAL_SCALE, config.residualScale);
  fields.float(L.MODEL_LOGIT_SCALE, config.logitScale);
  fields.int(L.MODEL_ATTENTION, gqa ? L.ATTENTION_GQA : L.ATTENTION_MLA);
  fields.int(L.MODEL_HEADS, a.heads);
  fields.int(L.MODEL_KV_HEADS, gqa ? a.kvHeads : 1);
  fields.int(L.MODEL_KEY_DIM, gqa ? a.headDim : a.kvRank + a.ropeDim);
  fields.int(L.MODEL_VALUE_DIM, gqa ? a.headDim : a.kvRank);
  fields.int(L.MODEL_ROPE_DIM, gqa ? a.headDim : a.ropeDim);
  fields.int(L.MODEL_NOPE_DIM, gqa ? 0 : a.nopeDim);
  fields.int(L.MODEL_Q_RANK, gqa ? 0 : a.qRank);
  fields.int(L.MODEL_KV_RANK, gqa ? 0 : a.kvRank);
  fields.int(L.MODEL_HEAD_OUT, gqa ? a.headDim : a.valueDim);
  fields.float(L.MODEL_SOFTMAX_SCALE, 1 / Math.sqrt(gqa ? a.headDim : a.nopeDim + a.ropeDim));
  writeFfn(fields, config, plan, ffn);
  fields.int(L.MODEL_INV_FREQ, at.frequencies);
  fields.int(L.MODEL_LAYER_TABLE, at.layers);
  fields.int(L.MODEL_SCRATCH, at.scratch);
  fields.int(L.MODEL_MAX_CHUNK, maxChunk);
}

/** Writes the layer descriptors. A layer without a norm before its attention has none in the plan, and the field stays 0. */
export function writeLayers(view: DataView, at: Addresses, config: ModelConfig, plan: WeightPlan): void {
  for (let l = 0; l < config.layers; l++) writeLayer(new Fields(view, at.layers + l * L.LAYER_BYTES, plan, at.weights), config, `layers.${l}.`);
}

function writeFfn(fields: Fields, config: ModelConfig, plan: WeightPlan, mode: FfnMode): void {
  const { ffn } = config;
  fields.int(L.MODEL_FFN_DENSE, mode === "dense" ? 1 : 0);
  if (ffn.kind === "dense") {
    fields.int(L.MODEL_FFN, L.FFN_KIND_DENSE);
    fields.int(L.MODEL_FFN_SIZE, ffn.size);
    fields.int(L.MODEL_FFN_GATED, ffn.gated ? 1 : 0);
    return;
  }
  const experts = plan.byName.get("layers.0.experts");
  if (experts?.kind !== "experts") throw new BlockFFNError("the plan has no experts");
  fields.int(L.MODEL_FFN, L.FFN_KIND_EXPERTS);
  fields.int(L.MODEL_ROUTER, ROUTERS[ffn.router]);
  fields.int(L.MODEL_ROUTER_NORM, ROUTER_NORMS[ffn.routerNorm]);
  fields.float(L.MODEL_NORM_SCALE, ffn.normScale);
  fields.int(L.MODEL_EXPERTS, ffn.experts);
  fields.int(L.MODEL_EXPERT_SIZE, ffn.expertSize);
  fields.int(L.MODEL_EXPERT_TYPE, experts.type);
  fields.int(L.MODEL_EXPERT_STRIDE, experts.stride);
  fields.int(L.MODEL_TOP_K, ffn.topK);
  fields.float(L.MODEL_TOP_P, ffn.topP);
  fields.int(L.MODEL_SHARED_SIZE, ffn.sharedSize);
  fields.int(L.MODEL_SHARED_GATED, ffn.sharedGated ? 1 : 0);
}

function writeLayer(fields: Fields, config: ModelConfig, prefix: string): void {
  fields.vectorIfPlanned(L.LAYER_ATTN_NORM, `${prefix}attn_norm`);
  if (config.attention.kind === "gqa") {
    fields.matrix(L.LAYER_Q, `${prefix}attn.q`);
    fields.matrix(L.LAYER_K, `${prefix}attn.k`);
    fields.matrix(L.LAYER_V, `${prefix}attn.v`);
  } else {
    fields.matrix(L.LAYER_Q, `${prefix}attn.q_down`);
    fields.vector(L.LAYER_Q_NORM, `${prefix}attn.q_norm`);
    fields.matrix(L.LAYER_Q_UP, `${prefix}attn.q_up`);
    fields.matrix(L.LAYER_K, `${prefix}attn.kv_down`);
    fields.vector(L.LAYER_KV_NORM, `${prefix}attn.kv_norm`);
    fields.matrix(L.LAYER_K_ABSORB, `${prefix}attn.k_absorb`);
    fields.matrix(L.LAYER_V_ABSORB, `${prefix}attn.v_absorb`);
  }
  fields.matrix(L.LAYER_O, `${prefix}attn.o`);
  fields.vector(L.LAYER_FFN_NORM, `${prefix}ffn_norm`);
  const mlp = config.ffn.kind === "dense" ? `${prefix}ffn.` : `${prefix}shared.`;
  fields.matrixIfPlanned(L.LAYER_GATE, `${mlp}gate`);
  fields.matrixIfPlanned(L.LAYER_UP, `${mlp}up`);
  fields.matrixIfPlanned(L.LAYER_DOWN, `${mlp}down`);
  if (config.ffn.kind === "dense") return;
  fields.matrix(L.LAYER_ROUTER, `${prefix}router`);
  fields.vectorIfPlanned(L.LAYER_ROUTER_NORM, `${prefix}router_norm`);
  fields.vector(L.LAYER_EXPERTS, `${prefix}experts`);
}

/** Writes fields of one descriptor. */
export class Fields {
  readonly #view: DataView;
  readonly #base: number;
  readonly #plan: WeightPlan;
  readonly #weights: number;

  constructor(view: DataView, base: number, plan: WeightPlan, weights: number) {
    this.#view = view;
    this.#base = base;
    this.#plan = plan;
    this.#weights = weights;
  }

  int(field: number, value: number): void {
    this.#view.setUint32(this.#base + field, value >>> 0, true);
  }

  float(field: number, value: number): void {
    this.#view.setFloat32(this.#base + field, value, true);
  }

  vector(field: number, name: string): void {
    this.int(field, this.#weights + this.#part(name).offset);
  }

  matrix(field: number, name: string): void {
    const part = this.#part(name) as MatrixPart;
    this.int(field + L.MATRIX_TYPE, part.type);
    this.int(field + L.MATRIX_ROWS, part.rows);
    this.int(field + L.MATRIX_COLS, part.cols);
    this.int(field + L.MATRIX_DATA, this.#weights + part.offset);
  }

  vectorIfPlanned(field: number, name: string): void {
    if (this.#plan.byName.has(name)) this.vector(field, name);
  }

  matrixIfPlanned(field: number, name: string): void {
    if (this.#plan.byName.has(name)) this.matrix(field, name);
  }

  #part(name: string) {
    const part = this.#plan.byName.get(name);
    if (part === undefined) throw new BlockFFNError(`the weight plan has no ${name}; please report this`);
    return part;
  }
}
