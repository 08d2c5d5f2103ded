import * as L from "../../assembly/layout";
import { ModelConfig } from "./config";
import { Part, WeightPlan } from "./plan";

// Mirrors src/engine/descriptor.ts: a test compares both, byte for byte.

/** Addresses that a model descriptor points to. */
export class Addresses {
  descriptor: usize = 0;
  layers: usize = 0;
  frequencies: usize = 0;
  scratch: usize = 0;
  weights: usize = 0;
}

/** Writes the model and layer descriptors of layout.ts into cleared memory. */
export function writeDescriptors(at: Addresses, config: ModelConfig, plan: WeightPlan, maxChunk: i32, dense: bool): void {
  const fields = new Fields(at.descriptor, plan, at.weights);
  const mla = config.mla;
  fields.int(L.MODEL_VERSION, L.LAYOUT_VERSION);
  fields.int(L.MODEL_VOCAB, config.vocabSize);
  fields.int(L.MODEL_HIDDEN, config.hiddenSize);
  fields.int(L.MODEL_LAYERS, config.layers);
  fields.float(L.MODEL_RMS_EPS, config.rmsEps);
  fields.float(L.MODEL_LORA_EPS, mla ? config.loraEps : config.rmsEps);
  fields.float(L.MODEL_EMBED_SCALE, config.embedScale);
  fields.float(L.MODEL_RESIDUAL_SCALE, config.residualScale);
  fields.float(L.MODEL_LOGIT_SCALE, config.logitScale);
  fields.int(L.MODEL_ATTENTION, mla ? L.ATTENTION_MLA : L.ATTENTION_GQA);
  fields.int(L.MODEL_HEADS, config.heads);
  fields.int(L.MODEL_KV_HEADS, mla ? 1 : config.kvHeads);
  fields.int(L.MODEL_KEY_DIM, mla ? config.kvRank + config.ropeDim : config.headDim);
  fields.int(L.MODEL_VALUE_DIM, mla ? config.kvRank : config.headDim);
  fields.int(L.MODEL_ROPE_DIM, config.rotated);
  fields.int(L.MODEL_NOPE_DIM, config.nopeDim);
  fields.int(L.MODEL_Q_RANK, config.qRank);
  fields.int(L.MODEL_KV_RANK, config.kvRank);
  fields.int(L.MODEL_HEAD_OUT, mla ? config.valueDim : config.headDim);
  fields.float(L.MODEL_SOFTMAX_SCALE, 1.0 / Math.sqrt(<f64>config.queryDim));
  writeFfn(fields, config, plan, dense);
  fields.int(L.MODEL_INV_FREQ, <u32>at.frequencies);
  fields.int(L.MODEL_LAYER_TABLE, <u32>at.layers);
  fields.int(L.MODEL_SCRATCH, <u32>at.scratch);
  fields.int(L.MODEL_MAX_CHUNK, maxChunk);
  fields.matrix(L.MODEL_EMBED, "embed");
  fields.matrix(L.MODEL_HEAD, config.tied ? "embed" : "head");
  fields.vector(L.MODEL_FINAL_NORM, "final_norm");
  for (let l = 0; l < config.layers; l++) {
    writeLayer(new Fields(at.layers + <usize>l * L.LAYER_BYTES, plan, at.weights), config, `layers.${l}.`);
  }
}

function writeFfn(fields: Fields, config: ModelConfig, plan: WeightPlan, dense: bool): void {
  fields.int(L.MODEL_FFN_DENSE, dense ? 1 : 0);
  if (config.experts === 0) {
    fields.int(L.MODEL_FFN, L.FFN_KIND_DENSE);
    fields.int(L.MODEL_FFN_SIZE, config.ffnSize);
    fields.int(L.MODEL_FFN_GATED, config.gated ? 1 : 0);
    return;
  }
  const experts = plan.byName.get("layers.0.experts");
  fields.int(L.MODEL_FFN, L.FFN_KIND_EXPERTS);
  fields.int(L.MODEL_ROUTER, config.router);
  fields.int(L.MODEL_ROUTER_NORM, config.routerNorm);
  fields.float(L.MODEL_NORM_SCALE, config.normScale);
  fields.int(L.MODEL_EXPERTS, config.experts);
  fields.int(L.MODEL_EXPERT_SIZE, config.expertSize);
  fields.int(L.MODEL_EXPERT_TYPE, experts.type);
  fields.int(L.MODEL_EXPERT_STRIDE, <u32>experts.stride);
  fields.int(L.MODEL_TOP_K, config.topK);
  fields.float(L.MODEL_TOP_P, config.topP);
  fields.int(L.MODEL_SHARED_SIZE, config.sharedSize);
  fields.int(L.MODEL_SHARED_GATED, config.sharedGated ? 1 : 0);
}

function writeLayer(fields: Fields, config: ModelConfig, prefix: string): void {
  fields.vector(L.LAYER_ATTN_NORM, prefix + "attn_norm");
  if (!config.mla) {
    fields.matrix(L.LAYER_Q, prefix + "attn.q");
    fields.matrix(L.LAYER_K, prefix + "attn.k");
    fields.matrix(L.LAYER_V, prefix + "attn.v");
  } else {
    fields.matrix(L.LAYER_Q, prefix + "attn.q_down");
    fields.vector(L.LAYER_Q_NORM, prefix + "attn.q_norm");
    fields.matrix(L.LAYER_Q_UP, prefix + "attn.q_up");
    fields.matrix(L.LAYER_K, prefix + "attn.kv_down");
    fields.vector(L.LAYER_KV_NORM, prefix + "attn.kv_norm");
    fields.matrix(L.LAYER_K_ABSORB, prefix + "attn.k_absorb");
    fields.matrix(L.LAYER_V_ABSORB, prefix + "attn.v_absorb");
  }
  fields.matrix(L.LAYER_O, prefix + "attn.o");
  fields.vector(L.LAYER_FFN_NORM, prefix + "ffn_norm");
  const mlp = prefix + (config.experts === 0 ? "ffn." : "shared.");
  fields.matrix(L.LAYER_GATE, mlp + "gate");
  fields.matrix(L.LAYER_UP, mlp + "up");
  fields.matrix(L.LAYER_DOWN, mlp + "down");
  if (config.experts === 0) return;
  fields.matrix(L.LAYER_ROUTER, prefix + "router");
  fields.vector(L.LAYER_ROUTER_NORM, prefix + "router_norm");
  fields.vector(L.LAYER_EXPERTS, prefix + "experts");
}

/** Writes fields of one descriptor. What the plan does not have stays 0. */
class Fields {
  constructor(private base: usize, private plan: WeightPlan, private weights: usize) {}

  int(field: i32, value: u32): void {
    store<u32>(this.base + field, value);
  }

  float(field: i32, value: f64): void {
    store<f32>(this.base + field, <f32>value);
  }

  vector(field: i32, name: string): void {
    if (this.plan.byName.has(name)) this.int(field, this.address(this.plan.byName.get(name)));
  }

  matrix(field: i32, name: string): void {
    if (!this.plan.byName.has(name)) return;
    const part = this.plan.byName.get(name);
    this.int(field + L.MATRIX_TYPE, part.type);
    this.int(field + L.MATRIX_ROWS, part.rows);
    this.int(field + L.MATRIX_COLS, part.cols);
    this.int(field + L.MATRIX_DATA, this.address(part));
  }

  private address(part: Part): u32 {
    return <u32>(this.weights + <usize>part.offset);
  }
}
