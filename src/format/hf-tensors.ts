import { ConfigError } from "../errors.ts";
import type { DenseFfn, ExpertFfn, GqaAttention, MlaAttention, ModelConfig } from "../model/config.ts";
import { isFloatDType } from "./floats.ts";
import type { TensorSource } from "./tensors.ts";

/** A tensor of the official layout, with the shapes it may have. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
}

/** Every tensor that a Hugging Face checkpoint of this architecture has. Matrices are [out, in]. */
export function* expectedHfTensors(config: ModelConfig): Generator<ExpectedTensor> {
  const { hiddenSize: hidden, vocabSize: vocab } = config;
  yield { name: "model.embed_tokens.weight", shapes: [[vocab, hidden]] };
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    yield { name: `${prefix}.input_layernorm.weight`, shapes: [[hidden]] };
    yield* attentionTensors(config.attention, hidden, `${prefix}.self_attn`);
    yield { name: `${prefix}.post_attention_layernorm.weight`, shapes: [[hidden]] };
    yield* config.ffn.kind === "dense" ? denseTensors(config.ffn, hidden, `${prefix}.mlp`) : expertTensors(config.ffn, hidden, `${prefix}.mlp`);
  }
  yield { name: "model.norm.weight", shapes: [[hidden]] };
  if (!config.tied) yield { name: "lm_head.weight", shapes: [[vocab, hidden]] };
}

/**
 * Checks that every tensor the configuration needs is there, has its shape and is F32, F16 or BF16.
 * @throws ConfigError naming the configuration's file and the tensor.
 */
export function checkHfTensors(config: ModelConfig, tensors: TensorSource, file: string): void {
  for (const { name, shapes } of expectedHfTensors(config)) {
    const info = tensors.info(name);
    const wanted = shapes.map((shape) => `[${shape.join(", ")}]`).join(" or ");
    if (info === undefined) throw new ConfigError(`${tensors.name} has no such tensor, but the configuration needs it as ${wanted}`, { file, field: name });
    if (!shapes.some((shape) => shape.length === info.shape.length && shape.every((size, d) => size === info.shape[d]))) {
      throw new ConfigError(`the configuration says ${wanted} but ${tensors.name} has [${info.shape.join(", ")}]`, { file, field: name });
    }
    if (!isFloatDType(info.dtype)) throw new ConfigError(`${tensors.name} has it as ${info.dtype}; supported are F32, F16 and BF16`, { file, field: name });
  }
}

function* attentionTensors(attention: GqaAttention | MlaAttention, hidden: number, prefix: string): Generator<ExpectedTensor> {
  const weight = (name: string, ...shape: number[]): ExpectedTensor => ({ name: `${prefix}.${name}.weight`, shapes: [shape] });
  const { heads } = attention;
  if (attention.kind === "gqa") {
    const { kvHeads, headDim } = attention;
    yield weight("q_proj", heads * headDim, hidden);
    yield weight("k_proj", kvHeads * headDim, hidden);
    yield weight("v_proj", kvHeads * headDim, hidden);
    yield weight("o_proj", hidden, heads * headDim);
    return;
  }
  const { qRank, kvRank, nopeDim, ropeDim, valueDim } = attention;
  yield weight("q_a_proj", qRank, hidden);
  yield weight("q_a_layernorm", qRank);
  yield weight("q_b_proj", heads * (nopeDim + ropeDim), qRank);
  yield weight("kv_a_proj_with_mqa", kvRank + ropeDim, hidden);
  yield weight("kv_a_layernorm", kvRank);
  yield weight("kv_b_proj", heads * (nopeDim + valueDim), kvRank);
  yield weight("o_proj", hidden, heads * valueDim);
}

function* denseTensors(ffn: DenseFfn, hidden: number, prefix: string): Generator<ExpectedTensor> {
  if (ffn.gated) yield { name: `${prefix}.gate_proj.weight`, shapes: [[ffn.size, hidden]] };
  yield { name: `${prefix}.up_proj.weight`, shapes: [[ffn.size, hidden]] };
  yield { name: `${prefix}.down_proj.weight`, shapes: [[hidden, ffn.size]] };
}

function* expertTensors(ffn: ExpertFfn, hidden: number, prefix: string): Generator<ExpectedTensor> {
  const { experts, expertSize } = ffn;
  if (ffn.router === "block") {
    // 3-D from `block`, 2-D from `block_linear`; official `block` checkpoints come out 2-D, so the shape decides.
    yield { name: `${prefix}.router_proj.weight`, shapes: [[experts, hidden]] };
    if (ffn.routerNorm === "rms") yield { name: `${prefix}.router_norm.weight`, shapes: [[experts]] };
    yield { name: `${prefix}.up_proj`, shapes: [[experts * expertSize, hidden], [experts, expertSize, hidden]] };
    yield { name: `${prefix}.down_proj`, shapes: [[hidden, experts * expertSize], [experts, hidden, expertSize]] };
    return;
  }
  yield { name: `${prefix}.router.weight`, shapes: [[experts, hidden]] };
  yield { name: `${prefix}.experts.up_proj.weight`, shapes: [[experts, expertSize, hidden]] };
  yield { name: `${prefix}.experts.down_proj.weight`, shapes: [[experts, hidden, expertSize]] };
  if (ffn.sharedSize > 0) yield* denseTensors({ kind: "dense", size: ffn.sharedSize, gated: ffn.sharedGated }, hidden, `${prefix}.shared_experts`);
}
