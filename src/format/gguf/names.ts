import type { Part, WeightPlan } from "../../../core/plan.ts";
import { MODEL_LAYERS, sourceName } from "../hf/tensors.ts";

/** GGUF names by the part names of core/tensors.ts; layers' come after "blk.N.". What is not here no GGUF file has that is read. */
const NAMES: Readonly<Record<string, string>> = {
  embed: "token_embd.weight",
  final_norm: "output_norm.weight",
  head: "output.weight",
  attn_norm: "attn_norm.weight",
  "attn.q": "attn_q.weight",
  "attn.q_bias": "attn_q.bias",
  "attn.q_norm": "attn_q_norm.weight",
  "attn.k": "attn_k.weight",
  "attn.k_bias": "attn_k.bias",
  "attn.k_norm": "attn_k_norm.weight",
  "attn.v": "attn_v.weight",
  "attn.v_bias": "attn_v.bias",
  "attn.o": "attn_output.weight",
  ffn_norm: "ffn_norm.weight",
  "ffn.gate": "ffn_gate.weight",
  "ffn.up": "ffn_up.weight",
  "ffn.down": "ffn_down.weight",
};

/** The names that configurations are told by. */
export const EMBEDDING = NAMES["embed"]!;
export const HEAD = NAMES["head"]!;
export const FIRST_BIAS = `blk.0.${NAMES["attn.q_bias"]}`;

/** A tensor of a model: its names, and the heads whose rows are in another order in the file, 0 where they are not. */
export interface NamePair {
  readonly source: string;
  readonly gguf: string;
  readonly heads: number;
}

/**
 * Names of all tensors of a plan.
 * @param heads of queries and of keys, where the file has the two halves of a head's rows interleaved: llama.cpp's RoPE turns neighbours
 */
export function namePairs(plan: WeightPlan, heads: { readonly q: number; readonly k: number } | undefined): NamePair[] {
  return plan.parts.map((part) => {
    const turned =
      heads === undefined ? 0 : /^attn\.q(_bias)?$/.test(own(part)) ? heads.q : /^attn\.k(_bias)?$/.test(own(part)) ? heads.k : 0;
    const name = NAMES[own(part)] ?? own(part);
    return { source: sourceName(part, 0, MODEL_LAYERS), gguf: part.layer < 0 ? name : `blk.${part.layer}.${name}`, heads: turned };
  });
}

function own(part: Part): string {
  return part.tensors[0]!.part;
}
