import { ConfigError } from "../../errors.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { planWeights, type Part } from "../../architecture/plan.ts";
import { isFloatDType } from "../floats.ts";
import type { TensorSource } from "../tensors.ts";

/** A tensor of the official layout, with the shapes it may have. Matrices are [out, in]. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
}

/** Hugging Face names below `model.layers.N.` of the parts of the weight plan below `layers.N.`. */
const NAMES: Readonly<Record<string, string>> = {
  attn_norm: "input_layernorm.weight",
  ffn_norm: "post_attention_layernorm.weight",
  "attn.q": "self_attn.q_proj.weight",
  "attn.k": "self_attn.k_proj.weight",
  "attn.v": "self_attn.v_proj.weight",
  "attn.o": "self_attn.o_proj.weight",
  "attn.q_down": "self_attn.q_a_proj.weight",
  "attn.q_norm": "self_attn.q_a_layernorm.weight",
  "attn.q_up": "self_attn.q_b_proj.weight",
  "attn.kv_down": "self_attn.kv_a_proj_with_mqa.weight",
  "attn.kv_norm": "self_attn.kv_a_layernorm.weight",
  "attn.k_absorb": "self_attn.kv_b_proj.weight",
  "attn.v_absorb": "self_attn.kv_b_proj.weight",
  "ffn.gate": "mlp.gate_proj.weight",
  "ffn.up": "mlp.up_proj.weight",
  "ffn.down": "mlp.down_proj.weight",
  "shared.gate": "mlp.shared_experts.gate_proj.weight",
  "shared.up": "mlp.shared_experts.up_proj.weight",
  "shared.down": "mlp.shared_experts.down_proj.weight",
  router_norm: "mlp.router_norm.weight",
  embed: "model.embed_tokens.weight",
  final_norm: "model.norm.weight",
  head: "lm_head.weight",
};

/** The tensors that a part of the weight plan is made from: one, or an expert part's up and down. */
export function tensorsOf(config: ModelConfig, part: Part): ExpectedTensor[] {
  const [, number, inLayer] = /^layers\.(\d+)\.(.*)$/.exec(part.name) ?? [undefined, undefined, part.name];
  const prefix = number === undefined ? "" : `model.layers.${number}.`;
  const block = config.ffn.kind === "experts" && config.ffn.router === "block";
  if (part.kind === "experts") {
    const { experts, size, hidden } = part;
    const flat = { up: [experts * size, hidden], down: [hidden, experts * size] };
    const stacked = { up: [experts, size, hidden], down: [experts, hidden, size] };
    // 3-D from `block`, 2-D from `block_linear`; official `block` checkpoints come out 2-D, so the shape decides.
    const tensor = (which: "up" | "down"): ExpectedTensor => block
      ? { name: `${prefix}mlp.${which}_proj`, shapes: [flat[which], stacked[which]] }
      : { name: `${prefix}mlp.experts.${which}_proj.weight`, shapes: [stacked[which]] };
    return [tensor("up"), tensor("down")];
  }
  if (inLayer === "router") return [{ name: `${prefix}mlp.${block ? "router_proj" : "router"}.weight`, shapes: [[config.ffn.kind === "experts" ? config.ffn.experts : 0, config.hiddenSize]] }];
  const name = prefix + (NAMES[inLayer as string] as string);
  if (part.kind === "vector") return [{ name, shapes: [[part.length]] }];
  const { attention } = config;
  // Both absorbed parts come from kv_b_proj, whose rows are [nope | value] for each head.
  const absorbed = attention.kind === "mla" && (inLayer === "attn.k_absorb" || inLayer === "attn.v_absorb");
  return [{ name, shapes: [absorbed ? [attention.heads * (attention.nopeDim + attention.valueDim), attention.kvRank] : [part.rows, part.cols]] }];
}

/** Every tensor that a Hugging Face checkpoint of this architecture has, in the order of the forward pass. */
export function expectedHfTensors(config: ModelConfig): ExpectedTensor[] {
  const tensors = planWeights(config, "f32").parts.flatMap((part) => tensorsOf(config, part));
  return [...new Map(tensors.map((tensor) => [tensor.name, tensor])).values()];
}

/**
 * Checks that every tensor the configuration needs is there, has its shape and is F32, F16 or BF16.
 * @throws ConfigError naming the configuration's file and the tensor.
 */
export function checkHfTensors(config: ModelConfig, tensors: TensorSource, file: string): void {
  checkTensors(expectedHfTensors(config), tensors, file);
}

/** `checkHfTensors` for a list of tensors. */
export function checkTensors(expected: Iterable<ExpectedTensor>, tensors: TensorSource, file: string): void {
  for (const { name, shapes } of expected) {
    const info = tensors.info(name);
    const wanted = shapes.map((shape) => `[${shape.join(", ")}]`).join(" or ");
    if (info === undefined) throw new ConfigError(`${tensors.name} has no such tensor, but the configuration needs it as ${wanted}`, { file, field: name });
    if (!shapes.some((shape) => shape.length === info.shape.length && shape.every((size, d) => size === info.shape[d]))) {
      throw new ConfigError(`the configuration says ${wanted} but ${tensors.name} has [${info.shape.join(", ")}]`, { file, field: name });
    }
    if (!isFloatDType(info.dtype)) throw new ConfigError(`${tensors.name} has it as ${info.dtype}; supported are F32, F16 and BF16`, { file, field: name });
  }
}
