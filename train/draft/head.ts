import type { ModelConfig } from "../../src/architecture/config.ts";
import { np, type Tensor, type Tensors } from "../autodiff/jax.ts";
import { silu } from "../autodiff/math.ts";
import { attention, type AttentionInputs } from "../model/attention.ts";
import { linear } from "../model/linear.ts";
import { ParameterTable } from "../model/parameters.ts";
import { rmsNorm } from "../model/rms-norm.ts";

/** Sizes of an EAGLE head of one layer; the rest is its base model's. */
export interface DraftHeadConfig {
  readonly base: ModelConfig;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffnSize: number;
}

/** The head's weights, in the authors' naming. */
export function draftTable({ base, heads, kvHeads, headDim, ffnSize }: DraftHeadConfig): ParameterTable {
  const hidden = base.hiddenSize;
  return new ParameterTable([
    ["fc.weight", [hidden, 2 * hidden]],
    ["fc.bias", [hidden]],
    ["input_norm1.weight", [hidden]],
    ["input_norm2.weight", [hidden]],
    ["layers.0.self_attn.q_proj.weight", [heads * headDim, hidden]],
    ["layers.0.self_attn.k_proj.weight", [kvHeads * headDim, hidden]],
    ["layers.0.self_attn.v_proj.weight", [kvHeads * headDim, hidden]],
    ["layers.0.self_attn.o_proj.weight", [hidden, heads * headDim]],
    ["layers.0.post_attention_layernorm.weight", [hidden]],
    ["layers.0.mlp.gate_proj.weight", [ffnSize, hidden]],
    ["layers.0.mlp.up_proj.weight", [ffnSize, hidden]],
    ["layers.0.mlp.down_proj.weight", [hidden, ffnSize]],
  ]);
}

/** The official config.json of the head. */
export function draftConfigJson({ base, heads, kvHeads, headDim, ffnSize }: DraftHeadConfig): object {
  return {
    architectures: ["EagleForCausalLM"],
    hidden_size: base.hiddenSize,
    intermediate_size: ffnSize,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    num_hidden_layers: 1,
    rms_norm_eps: base.rmsEps,
    rope_theta: base.ropeTheta,
    vocab_size: base.vocabSize,
    torch_dtype: "float32",
  };
}

/**
 * The EAGLE head as the authors run it: fc over the next token's embedding and the base model's hidden state, attention without a norm
 * before it, gated network, residuals unscaled. Does not take `weights` over.
 * @param embedded `[n, hidden]` embedding of the next token, times the base model's embedding scale
 * @param hidden `[n, hidden]` the base model's state after its final norm, or the head's own output for the token before
 * @returns `[n, hidden]`: what the base model's next state should be
 */
export function draftForward(config: DraftHeadConfig, weights: Tensors, embedded: Tensor, hidden: Tensor, inputs: AttentionInputs): Tensor {
  const { base, heads, kvHeads, headDim } = config;
  const weight = (name: string): Tensor => weights[name]!.ref;
  const both = np.concatenate(
    [rmsNorm(embedded, weight("input_norm1.weight"), base.rmsEps), rmsNorm(hidden, weight("input_norm2.weight"), base.rmsEps)],
    -1,
  );
  const x = linear(both, weight("fc.weight")).add(weight("fc.bias"));
  const projections = Object.fromEntries(
    ["q_proj", "k_proj", "v_proj", "o_proj"].map((name) => [`${name}.weight`, weight(`layers.0.self_attn.${name}.weight`)]),
  );
  const attended = x.ref.add(attention({ kind: "gqa", heads, kvHeads, headDim }, x, projections, inputs));
  const inner = rmsNorm(attended.ref, weight("layers.0.post_attention_layernorm.weight"), base.rmsEps);
  const gate = silu(linear(inner.ref, weight("layers.0.mlp.gate_proj.weight")));
  const up = linear(inner, weight("layers.0.mlp.up_proj.weight"));
  return attended.add(linear(gate.mul(up), weight("layers.0.mlp.down_proj.weight")));
}
