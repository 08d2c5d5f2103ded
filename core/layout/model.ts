// Descriptors of a model and of its layers.
import { MATRIX_BYTES } from "./matrix.ts";

/** Version of the descriptors below; host and engine must agree. */
export const DESCRIPTOR_VERSION = 5;

export const MODEL_VERSION = 0;
export const MODEL_VOCAB = 4;
export const MODEL_HIDDEN = 8;
export const MODEL_LAYERS = 12;
export const MODEL_RMS_EPS = 16;
export const MODEL_LORA_EPS = 20;
export const MODEL_EMBED_SCALE = 24;
export const MODEL_RESIDUAL_SCALE = 28;
export const MODEL_LOGIT_SCALE = 32;
export const MODEL_ATTENTION = 36;
export const MODEL_HEADS = 40;
/** GQA: key/value heads. MLA: 1, the compressed row. */
export const MODEL_KV_HEADS = 44;
/** Floats of one key in the cache (MLA: kvRank + ropeDim). */
export const MODEL_KEY_DIM = 48;
/** Floats of one value in the cache (MLA: kvRank, the head of the key row). */
export const MODEL_VALUE_DIM = 52;
export const MODEL_ROPE_DIM = 56;
export const MODEL_NOPE_DIM = 60;
export const MODEL_Q_RANK = 64;
export const MODEL_KV_RANK = 68;
/** Value floats a head gives to the output projection. */
export const MODEL_HEAD_OUT = 72;
/** Softmax scale, 1 / sqrt(dimension of a query). */
export const MODEL_SOFTMAX_SCALE = 76;
/** ACTIVATION_* of the experts. */
export const MODEL_EXPERT_ACTIVATION = 80;
/** Of the dense layers. */
export const MODEL_FFN_SIZE = 84;
export const MODEL_FFN_GATED = 88;
export const MODEL_ROUTER = 92;
export const MODEL_ROUTER_NORM = 96;
export const MODEL_NORM_SCALE = 100;
export const MODEL_EXPERTS = 104;
export const MODEL_EXPERT_SIZE = 108;
export const MODEL_EXPERT_TYPE = 112;
/** Bytes from one expert's weights to the next one's. */
export const MODEL_EXPERT_STRIDE = 116;
export const MODEL_TOP_K = 120;
export const MODEL_TOP_P = 124;
export const MODEL_SHARED_SIZE = 128;
export const MODEL_SHARED_GATED = 132;
/** 0 computes active experts only, 1 all of them. */
export const MODEL_FFN_DENSE = 136;
export const MODEL_EMBED = 140;
export const MODEL_HEAD = MODEL_EMBED + MATRIX_BYTES;
export const MODEL_FINAL_NORM = MODEL_HEAD + MATRIX_BYTES;
/** f32 [ropeDim / 2]: inverse frequencies, filled by `ropeFrequencies`. */
export const MODEL_INV_FREQ = MODEL_FINAL_NORM + 4;
/** First layer descriptor; they follow one another. */
export const MODEL_LAYER_TABLE = MODEL_INV_FREQ + 4;
export const MODEL_SCRATCH = MODEL_LAYER_TABLE + 4;
export const MODEL_MAX_CHUNK = MODEL_SCRATCH + 4;
/** 1: an expert has a gate, whose activation its way up is multiplied with. */
export const MODEL_EXPERT_GATED = MODEL_MAX_CHUNK + 4;
/** ACTIVATION_* between a block router and its norm. */
export const MODEL_ROUTER_ACTIVATION = MODEL_EXPERT_GATED + 4;
/** EXPERT_BIAS_*: how the bias in LAYER_EXPERT_BIAS takes experts away. */
export const MODEL_EXPERT_BIAS = MODEL_ROUTER_ACTIVATION + 4;
export const MODEL_BYTES = MODEL_EXPERT_BIAS + 4;

// ---- Layers

/** 0: the attention reads the residual stream as it is. */
export const LAYER_ATTN_NORM = 0;
/** GQA: query projection. MLA: q_a, the way down. */
export const LAYER_Q = 4;
/** MLA: q_b, the way up from qRank to heads x (nope + rope). */
export const LAYER_Q_UP = LAYER_Q + MATRIX_BYTES;
/** MLA: f32 [qRank], between way down and way up. GQA: f32 [headDim], of every head's query before RoPE (Qwen3); 0: none. */
export const LAYER_Q_NORM = LAYER_Q_UP + MATRIX_BYTES;
/** GQA: key projection. MLA: kv_a (kvRank + rope rows). */
export const LAYER_K = LAYER_Q_NORM + 4;
/** GQA: value projection. */
export const LAYER_V = LAYER_K + MATRIX_BYTES;
/** MLA: f32 [kvRank]. GQA: f32 [headDim], of every head's key before RoPE; 0: none. */
export const LAYER_KV_NORM = LAYER_V + MATRIX_BYTES;
/** MLA, per head: [kvRank, nope], kv_b's key half transposed, absorbed into the query. */
export const LAYER_K_ABSORB = LAYER_KV_NORM + 4;
/** MLA, per head: [valueDim, kvRank], kv_b's value half. */
export const LAYER_V_ABSORB = LAYER_K_ABSORB + MATRIX_BYTES;
export const LAYER_O = LAYER_V_ABSORB + MATRIX_BYTES;
export const LAYER_FFN_NORM = LAYER_O + MATRIX_BYTES;
export const LAYER_ROUTER = LAYER_FFN_NORM + 4;
export const LAYER_ROUTER_NORM = LAYER_ROUTER + MATRIX_BYTES;
/** Expert weights: for each expert gate (if gated) and up [expertSize, hidden], then down [hidden, expertSize]. */
export const LAYER_EXPERTS = LAYER_ROUTER_NORM + 4;
/** Dense FFN, or the shared experts. */
export const LAYER_GATE = LAYER_EXPERTS + 4;
export const LAYER_UP = LAYER_GATE + MATRIX_BYTES;
export const LAYER_DOWN = LAYER_UP + MATRIX_BYTES;
/** FFN_KIND_* of this layer. */
export const LAYER_FFN = LAYER_DOWN + MATRIX_BYTES;
/** f32 [expertSize]: the norm inside every expert before its activation (NormSiLU); 0: none. */
export const LAYER_EXPERT_NORM = LAYER_FFN + 4;
/** f32 [experts]. */
export const LAYER_EXPERT_BIAS = LAYER_EXPERT_NORM + 4;
/** GQA: f32, added to queries, keys and values (Qwen2); 0: none. */
export const LAYER_Q_BIAS = LAYER_EXPERT_BIAS + 4;
export const LAYER_K_BIAS = LAYER_Q_BIAS + 4;
export const LAYER_V_BIAS = LAYER_K_BIAS + 4;
export const LAYER_BYTES = LAYER_V_BIAS + 4;
