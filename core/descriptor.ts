import { Architecture } from "./architecture.ts";
import * as L from "./layout/model.ts";
import { ATTENTION_GQA, ATTENTION_MLA, FFN_KIND_DENSE, FFN_KIND_EXPERTS } from "./layout/kinds.ts";
import { LAYOUT_VERSION, MATRIX_COLS, MATRIX_DATA, MATRIX_ROWS, MATRIX_TYPE } from "./layout/matrix.ts";
import { Part, WeightPlan } from "./plan.ts";

/** Linear memory that is written to, in words of 4 bytes: a DataView here, stores there. */
export abstract class WordWriter {
  /** A whole number from 0 to 2^32 - 1. */
  abstract u32(address: f64, value: f64): void;
  abstract f32(address: f64, value: f64): void;
}

/** Addresses that a model descriptor points to. */
export class Addresses {
  descriptor: f64 = 0;
  layers: f64 = 0;
  frequencies: f64 = 0;
  scratch: f64 = 0;
  weights: f64 = 0;
}

/**
 * Writes the descriptor and the layer descriptors of layout/model.ts into cleared memory.
 * @param dense computes all experts, active or not
 */
export function writeModel(out: WordWriter, at: Addresses, a: Architecture, plan: WeightPlan, maxChunk: i32, dense: bool): void {
  const model = new Fields(out, at.descriptor);
  model.int(L.MODEL_VERSION, LAYOUT_VERSION);
  model.int(L.MODEL_VOCAB, a.vocabSize);
  model.int(L.MODEL_HIDDEN, a.hiddenSize);
  model.int(L.MODEL_LAYERS, a.layers);
  model.float(L.MODEL_RMS_EPS, a.rmsEps);
  model.float(L.MODEL_EMBED_SCALE, a.embedScale);
  model.float(L.MODEL_RESIDUAL_SCALE, a.residualScale);
  model.float(L.MODEL_LOGIT_SCALE, a.logitScale);
  model.int(L.MODEL_INV_FREQ, at.frequencies);
  model.int(L.MODEL_LAYER_TABLE, at.layers);
  model.int(L.MODEL_SCRATCH, at.scratch);
  model.int(L.MODEL_MAX_CHUNK, maxChunk);
  model.int(L.MODEL_FFN_DENSE, dense ? 1 : 0);
  writeAttention(model, a);
  writeFfn(model, a);
  for (let l = 0; l < a.layers; l++) out.u32(layerAt(at, l) + L.LAYER_FFN, a.hasExperts(l) ? FFN_KIND_EXPERTS : FFN_KIND_DENSE);
  for (let i = 0; i < plan.parts.length; i++) {
    const part = plan.parts[i]!;
    const fields = part.layer < 0 ? model : new Fields(out, layerAt(at, part.layer));
    fields.part(part, at.weights);
    if (part.experts) {
      model.int(L.MODEL_EXPERT_TYPE, part.type);
      model.int(L.MODEL_EXPERT_STRIDE, part.stride);
    }
    if (a.tied && part.tensors[0]!.field === L.MODEL_EMBED) fields.matrix(L.MODEL_HEAD, part, at.weights);
  }
}

function layerAt(at: Addresses, layer: i32): f64 {
  return at.layers + (layer as f64) * L.LAYER_BYTES;
}

function writeAttention(model: Fields, a: Architecture): void {
  model.int(L.MODEL_ATTENTION, a.mla ? ATTENTION_MLA : ATTENTION_GQA);
  model.float(L.MODEL_LORA_EPS, a.mla ? a.loraEps : a.rmsEps);
  model.int(L.MODEL_HEADS, a.heads);
  model.int(L.MODEL_KV_HEADS, a.cacheHeads);
  model.int(L.MODEL_KEY_DIM, a.keyDim);
  model.int(L.MODEL_VALUE_DIM, a.valueRowDim);
  model.int(L.MODEL_ROPE_DIM, a.rotated);
  model.int(L.MODEL_NOPE_DIM, a.nopeDim);
  model.int(L.MODEL_Q_RANK, a.qRank);
  model.int(L.MODEL_KV_RANK, a.kvRank);
  model.int(L.MODEL_HEAD_OUT, a.headOut);
  model.float(L.MODEL_SOFTMAX_SCALE, 1.0 / Math.sqrt(a.queryDim));
}

function writeFfn(model: Fields, a: Architecture): void {
  model.int(L.MODEL_FFN_SIZE, a.ffnSize);
  model.int(L.MODEL_FFN_GATED, a.gated ? 1 : 0);
  model.int(L.MODEL_ROUTER, a.router);
  model.int(L.MODEL_ROUTER_NORM, a.routerNorm);
  model.float(L.MODEL_NORM_SCALE, a.normScale);
  model.int(L.MODEL_EXPERTS, a.experts);
  model.int(L.MODEL_EXPERT_SIZE, a.expertSize);
  model.int(L.MODEL_TOP_K, a.topK);
  model.float(L.MODEL_TOP_P, a.topP);
  model.int(L.MODEL_SHARED_SIZE, a.sharedSize);
  model.int(L.MODEL_SHARED_GATED, a.sharedGated ? 1 : 0);
  model.int(L.MODEL_EXPERT_ACTIVATION, a.expertActivation);
  model.int(L.MODEL_EXPERT_GATED, a.expertGated ? 1 : 0);
  model.int(L.MODEL_ROUTER_ACTIVATION, a.routerActivation);
  model.int(L.MODEL_EXPERT_BIAS, a.expertBias);
}

/** Writes fields of one descriptor. What a model does not have stays 0. */
class Fields {
  constructor(
    private readonly out: WordWriter,
    private readonly base: f64,
  ) {}

  int(field: i32, value: f64): void {
    this.out.u32(this.base + field, value);
  }

  float(field: i32, value: f64): void {
    this.out.f32(this.base + field, value);
  }

  /** A vector, or experts, as an address; else a matrix. */
  part(part: Part, weights: f64): void {
    const field = part.tensors[0]!.field;
    if (part.vector || part.experts) this.int(field, weights + part.offset);
    else this.matrix(field, part, weights);
  }

  matrix(field: i32, part: Part, weights: f64): void {
    const tensor = part.tensors[0]!;
    this.int(field + MATRIX_TYPE, part.type);
    this.int(field + MATRIX_ROWS, tensor.rows);
    this.int(field + MATRIX_COLS, tensor.cols);
    this.int(field + MATRIX_DATA, weights + part.offset);
  }
}
