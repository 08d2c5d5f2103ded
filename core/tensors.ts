import { Architecture, FAMILY_BLOCKFFN, SCALE_FIXED, SCALE_SCALAR } from "./architecture.ts";
import * as L from "./layout/model.ts";
import { EAGLE_EMBED_NORM, EAGLE_FC_BIAS, EAGLE_FC_EMBED, EAGLE_FC_HIDDEN, EAGLE_HIDDEN_NORM } from "./layout/eagle.ts";
import { EXPERT_BIAS_NONE, ROUTER_BLOCK } from "./layout/kinds.ts";

// Every tensor of a model, one row each. The weight plan, the descriptors, the checks of a checkpoint, the reading of its weights, the
// summary, the draft head and the stand-alone host follow from these rows. Rows stand in the order in which the forward pass reads them.

/** Which weight type a tensor gets: always f32; that of embedding and head; that of all other matrices; the router's (plan.ts). */
export const CLASS_VECTOR = 0;
export const CLASS_ENDS = 1;
export const CLASS_BODY = 2;
export const CLASS_ROUTER = 3;

/** How a checkpoint keeps it: as it is, [rows, cols] or, a vector, [rows]. */
export const STORED_PLAIN = 0;
/** A vector that may be missing and is then 0. */
export const STORED_OR_ZERO = 1;
/** `count` matrices one below the other, [count x rows, cols], or stacked, [count, rows, cols]. */
export const STORED_BELOW = 2;
/** `count` matrices side by side, [rows, count x cols], or stacked. */
export const STORED_BESIDE = 3;
/** Only stacked, [count, rows, cols]. */
export const STORED_STACKED = 4;
/** MLA's kv_b_proj, whose rows are [nope | value] for each head: its key half, transposed, and its value half. */
export const STORED_KV_B_KEYS = 5;
export const STORED_KV_B_VALUES = 6;
/** Left and right half of the columns of one matrix, [rows, 2 x cols]. */
export const STORED_LEFT = 7;
export const STORED_RIGHT = 8;

/** STORED_BELOW, from whose rows the mean of all rows is taken off. */
export const STORED_CENTRED = 9;
/** A vector that is kept as one number, or not at all: it is the configuration's normScale. */
export const STORED_SCALAR = 10;
export const STORED_FIXED = 11;

/** What a summary counts it under; src/load/summary.ts has the names. */
export const GROUP_EMBEDDING = 0;
export const GROUP_NORMS = 1;
export const GROUP_ATTENTION = 2;
export const GROUP_ROUTER = 3;
export const GROUP_EXPERTS = 4;
export const GROUP_SHARED = 5;
export const GROUP_FFN = 6;
export const GROUP_HEAD = 7;

/** One row: `count` matrices [rows, cols], or a vector of `rows` floats. */
export class Tensor {
  /**
   * @param part name in the weight plan; rows of one name lie together, one matrix of each, then the next ones: an expert's matrices
   * @param source name in a Hugging Face checkpoint. Both names come after those of the layer
   * @param weight CLASS_*
   * @param field where the descriptor has it
   * @param group GROUP_*
   * @param stored STORED_*
   */
  constructor(
    readonly part: string,
    readonly source: string,
    readonly rows: f64,
    readonly cols: f64,
    readonly weight: i32,
    readonly field: i32,
    readonly group: i32,
    readonly stored: i32,
    readonly count: f64,
  ) {}

  /** Parameters of one of `count`, as a checkpoint keeps them. */
  get parameters(): f64 {
    if (this.stored === STORED_FIXED) return 0;
    return this.stored === STORED_SCALAR ? 1 : this.rows * this.cols;
  }
}

/** The rows of a model, of one of its layers, or of a draft head. */
class Table {
  readonly rows: Tensor[] = [];

  vector(part: string, source: string, length: f64, field: i32, group: i32 = GROUP_NORMS, stored: i32 = STORED_PLAIN): void {
    this.rows.push(new Tensor(part, source, length, 1, CLASS_VECTOR, field, group, stored, 1));
  }

  matrix(part: string, source: string, rows: f64, cols: f64, field: i32, group: i32, weight: i32 = CLASS_BODY): void {
    this.rows.push(new Tensor(part, source, rows, cols, weight, field, group, STORED_PLAIN, 1));
  }

  matrices(part: string, source: string, count: f64, rows: f64, cols: f64, field: i32, group: i32, stored: i32): void {
    this.rows.push(new Tensor(part, source, rows, cols, CLASS_BODY, field, group, stored, count));
  }
}

/** What comes before the layers. */
export function firstTensors(a: Architecture): Tensor[] {
  const t = new Table();
  t.matrix("embed", "model.embed_tokens.weight", a.vocabSize, a.hiddenSize, L.MODEL_EMBED, GROUP_EMBEDDING, CLASS_ENDS);
  return t.rows;
}

/** What comes after the layers. A tied head is the embedding. */
export function lastTensors(a: Architecture): Tensor[] {
  const t = new Table();
  t.vector("final_norm", "model.norm.weight", a.hiddenSize, L.MODEL_FINAL_NORM);
  if (!a.tied) t.matrix("head", "lm_head.weight", a.vocabSize, a.hiddenSize, L.MODEL_HEAD, GROUP_HEAD, CLASS_ENDS);
  return t.rows;
}

/** What an EAGLE head has before its layers: the norms of its two inputs, and fc, cut in two. */
export function draftTensors(a: Architecture): Tensor[] {
  const t = new Table();
  const hidden = a.hiddenSize;
  t.vector("embed_norm", "input_norm1.weight", hidden, EAGLE_EMBED_NORM);
  t.matrices("fc_embed", "fc.weight", 1, hidden, hidden, EAGLE_FC_EMBED, GROUP_FFN, STORED_LEFT);
  t.vector("hidden_norm", "input_norm2.weight", hidden, EAGLE_HIDDEN_NORM);
  t.matrices("fc_hidden", "fc.weight", 1, hidden, hidden, EAGLE_FC_HIDDEN, GROUP_FFN, STORED_RIGHT);
  t.vector("fc_bias", "fc.bias", hidden, EAGLE_FC_BIAS, GROUP_FFN, STORED_OR_ZERO);
  return t.rows;
}

/** A layer of the model. @param normed whether a norm stands before its attention: the first layer of a draft head has none */
export function layerTensors(a: Architecture, layer: i32, normed: bool): Tensor[] {
  const t = new Table();
  const hidden = a.hiddenSize;
  if (normed) t.vector("attn_norm", "input_layernorm.weight", hidden, L.LAYER_ATTN_NORM);
  if (a.mla) {
    t.matrix("attn.q_down", "self_attn.q_a_proj.weight", a.qRank, hidden, L.LAYER_Q, GROUP_ATTENTION);
    t.vector("attn.q_norm", "self_attn.q_a_layernorm.weight", a.qRank, L.LAYER_Q_NORM);
    t.matrix("attn.q_up", "self_attn.q_b_proj.weight", a.queryWidth, a.qRank, L.LAYER_Q_UP, GROUP_ATTENTION);
    t.matrix("attn.kv_down", "self_attn.kv_a_proj_with_mqa.weight", a.keyDim, hidden, L.LAYER_K, GROUP_ATTENTION);
    t.vector("attn.kv_norm", "self_attn.kv_a_layernorm.weight", a.kvRank, L.LAYER_KV_NORM);
    const kvB = "self_attn.kv_b_proj.weight";
    t.matrices("attn.k_absorb", kvB, a.heads, a.kvRank, a.nopeDim, L.LAYER_K_ABSORB, GROUP_ATTENTION, STORED_KV_B_KEYS);
    t.matrices("attn.v_absorb", kvB, a.heads, a.valueDim, a.kvRank, L.LAYER_V_ABSORB, GROUP_ATTENTION, STORED_KV_B_VALUES);
  } else {
    groupedTensors(a, t, hidden);
  }
  t.matrix("attn.o", "self_attn.o_proj.weight", hidden, a.attentionWidth, L.LAYER_O, GROUP_ATTENTION);
  t.vector("ffn_norm", "post_attention_layernorm.weight", hidden, L.LAYER_FFN_NORM);
  if (a.hasExperts(layer)) expertTensors(a, t);
  else network(t, "ffn.", "mlp.", a.ffnSize, a.gated, hidden, GROUP_FFN);
  return t.rows;
}

/** Queries, keys and values of grouped-query attention. */
function groupedTensors(a: Architecture, t: Table, hidden: f64): void {
  t.matrix("attn.q", "self_attn.q_proj.weight", a.queryWidth, hidden, L.LAYER_Q, GROUP_ATTENTION);
  if (a.qkvBias) t.vector("attn.q_bias", "self_attn.q_proj.bias", a.queryWidth, L.LAYER_Q_BIAS, GROUP_ATTENTION);
  if (a.qkNorm) t.vector("attn.q_norm", "self_attn.q_norm.weight", a.headDim, L.LAYER_Q_NORM);
  t.matrix("attn.k", "self_attn.k_proj.weight", a.keyWidth, hidden, L.LAYER_K, GROUP_ATTENTION);
  if (a.qkvBias) t.vector("attn.k_bias", "self_attn.k_proj.bias", a.keyWidth, L.LAYER_K_BIAS, GROUP_ATTENTION);
  if (a.qkNorm) t.vector("attn.k_norm", "self_attn.k_norm.weight", a.headDim, L.LAYER_KV_NORM);
  t.matrix("attn.v", "self_attn.v_proj.weight", a.keyWidth, hidden, L.LAYER_V, GROUP_ATTENTION);
  if (a.qkvBias) t.vector("attn.v_bias", "self_attn.v_proj.bias", a.keyWidth, L.LAYER_V_BIAS, GROUP_ATTENTION);
}

/** Router, shared experts and experts. The names of three publications differ: DECO's, BlockFFN's, and those of its baselines. */
function expertTensors(a: Architecture, t: Table): void {
  const hidden = a.hiddenSize;
  const deco = a.family === FAMILY_BLOCKFFN;
  const block = a.router === ROUTER_BLOCK;
  const router = deco ? "mlp.moe_router.weight" : block ? "mlp.router_proj.weight" : "mlp.router.weight";
  t.matrix("router", router, a.experts, hidden, L.LAYER_ROUTER, GROUP_ROUTER, CLASS_ROUTER);
  if (block && a.routerScaled) {
    const stored = a.routerScale === SCALE_FIXED ? STORED_FIXED : a.routerScale === SCALE_SCALAR ? STORED_SCALAR : STORED_PLAIN;
    t.vector("router_norm", "mlp.router_norm.weight", a.experts, L.LAYER_ROUTER_NORM, GROUP_NORMS, stored);
  }
  if (a.expertBias !== EXPERT_BIAS_NONE) t.vector("expert_bias", "mlp.expert_bias", a.experts, L.LAYER_EXPERT_BIAS, GROUP_ROUTER);
  if (a.expertNormed) t.vector("expert_norm", "mlp.expert_act.rms_norm.weight", a.expertSize, L.LAYER_EXPERT_NORM);
  if (a.sharedSize > 0) network(t, "shared.", "mlp.shared_experts.", a.sharedSize, a.sharedGated, hidden, GROUP_SHARED);
  const before = deco ? "mlp.expert_" : block ? "mlp." : "mlp.experts.";
  const after = deco || !block ? "_proj.weight" : "_proj";
  const below = block ? STORED_BELOW : STORED_STACKED;
  // The activation reads the gate, or, without one, the way up.
  const activated = a.expertCentred ? STORED_CENTRED : below;
  if (a.expertGated) expertMatrix(a, t, before + "gate" + after, a.expertSize, hidden, activated);
  expertMatrix(a, t, before + "up" + after, a.expertSize, hidden, a.expertGated ? below : activated);
  expertMatrix(a, t, before + "down" + after, hidden, a.expertSize, block ? STORED_BESIDE : STORED_STACKED);
}

function expertMatrix(a: Architecture, t: Table, source: string, rows: f64, cols: f64, stored: i32): void {
  t.matrices("experts", source, a.experts, rows, cols, L.LAYER_EXPERTS, GROUP_EXPERTS, stored);
}

/** A feed-forward network that every token uses. */
function network(t: Table, part: string, source: string, size: f64, gated: bool, hidden: f64, group: i32): void {
  if (gated) t.matrix(part + "gate", source + "gate_proj.weight", size, hidden, L.LAYER_GATE, group);
  t.matrix(part + "up", source + "up_proj.weight", size, hidden, L.LAYER_UP, group);
  t.matrix(part + "down", source + "down_proj.weight", hidden, size, L.LAYER_DOWN, group);
}
