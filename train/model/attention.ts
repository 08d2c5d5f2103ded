import type { GqaAttention, MlaAttention } from "../../src/architecture/config.ts";
import { lax, np, type Tensor, type Tensors } from "../autodiff/jax.ts";
import { linear } from "./linear.ts";
import { rmsNorm } from "./rms-norm.ts";
import { rotate } from "./rope.ts";

/** What all layers of a pass share. */
export interface AttentionInputs {
  readonly rows: number;
  readonly length: number;
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** `[rows, 1, length, length]`: 1 where the query (axis 2) sees the key (axis 3). */
  readonly visible: Tensor;
}

const HIDDEN_FROM = -1e9;

/** The attention branch of a layer: `[rows * length, hidden]` to the same. `weights`: the tensors below `self_attn.`. */
export function attention(config: GqaAttention | MlaAttention, x: Tensor, weights: Tensors, inputs: AttentionInputs): Tensor {
  return config.kind === "gqa" ? gqa(config, x, weights, inputs) : mla(config, x, weights, inputs);
}

function gqa({ heads, kvHeads, headDim }: GqaAttention, x: Tensor, weights: Tensors, inputs: AttentionInputs): Tensor {
  const { rows, length, cos, sin } = inputs;
  const q = rotate(linear(x.ref, weights["q_proj.weight"]!).reshape([rows, length, heads, headDim]), cos.ref, sin.ref);
  const k = rotate(linear(x.ref, weights["k_proj.weight"]!).reshape([rows, length, kvHeads, headDim]), cos.ref, sin.ref);
  const v = linear(x, weights["v_proj.weight"]!).reshape([rows, length, kvHeads, headDim]);
  const out = attend(q, k, v, headDim ** -0.5, inputs);
  return linear(out, weights["o_proj.weight"]!);
}

/**
 * Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434), expanded: the key part without position, then the rotated one shared by all
 * heads.
 */
function mla(config: MlaAttention, x: Tensor, weights: Tensors, inputs: AttentionInputs): Tensor {
  const { heads, kvRank, nopeDim, ropeDim, valueDim, loraEps } = config;
  const { rows, length, cos, sin } = inputs;
  const queryRank = rmsNorm(linear(x.ref, weights["q_a_proj.weight"]!), weights["q_a_layernorm.weight"]!, loraEps);
  const queries = linear(queryRank, weights["q_b_proj.weight"]!).reshape([rows, length, heads, nopeDim + ropeDim]);
  const q = np.concatenate(
    [queries.ref.slice([], [], [], [0, nopeDim]), rotate(queries.slice([], [], [], [nopeDim, nopeDim + ropeDim]), cos.ref, sin.ref)],
    -1,
  );
  const compressed = linear(x, weights["kv_a_proj_with_mqa.weight"]!);
  const shared = rotate(compressed.ref.slice([], [kvRank, kvRank + ropeDim]).reshape([rows, length, 1, ropeDim]), cos.ref, sin.ref);
  const latent = rmsNorm(compressed.slice([], [0, kvRank]), weights["kv_a_layernorm.weight"]!, loraEps);
  const expanded = linear(latent, weights["kv_b_proj.weight"]!).reshape([rows, length, heads, nopeDim + valueDim]);
  const k = np.concatenate([expanded.ref.slice([], [], [], [0, nopeDim]), np.broadcastTo(shared, [rows, length, heads, ropeDim])], -1);
  const v = expanded.slice([], [], [], [nopeDim, nopeDim + valueDim]);
  return linear(attend(q, k, v, (nopeDim + ropeDim) ** -0.5, inputs), weights["o_proj.weight"]!);
}

/** softmax(q k^T scale) v; q `[rows, length, heads, d]`, k and v with kvHeads heads that each serve heads / kvHeads consecutive ones. */
function attend(q: Tensor, k: Tensor, v: Tensor, scale: number, { rows, length, visible }: AttentionInputs): Tensor {
  const [heads, width] = q.shape.slice(2) as [number, number];
  const kvHeads = k.shape[2] as number;
  const valueDim = v.shape[3] as number;
  const group = heads / kvHeads;
  const queries = np.transpose(q.mul(scale), [0, 2, 1, 3]).reshape([rows, kvHeads, group * length, width]);
  const keys = np.transpose(k, [0, 2, 3, 1]);
  const scores = np.matmul(queries, keys).reshape([rows, heads, length, length]);
  const weights = softmax(np.where(visible.ref, scores, HIDDEN_FROM)).reshape([rows, kvHeads, group * length, length]);
  const out = np.matmul(weights, np.transpose(v, [0, 2, 1, 3])).reshape([rows, heads, length, valueDim]);
  return np.transpose(out, [0, 2, 1, 3]).reshape([rows * length, heads * valueDim]);
}

function softmax(x: Tensor): Tensor {
  const max = lax.stopGradient(np.max(x.ref, -1, { keepdims: true }));
  const powers = np.exp(x.sub(max));
  return powers.ref.mul(np.reciprocal(powers.sum(-1, { keepdims: true })));
}
