import type { ExpertFfn } from "../../src/architecture/config.ts";
import type { Tensor, Tensors } from "../autodiff/jax.ts";
import { expertActivation } from "./expert-activation.ts";
import { scoredDown } from "./experts.ts";
import { linear } from "./linear.ts";

/**
 * DECO's routed experts: the activation reads the gate, or, without one, the way up.
 * @param x `[n, hidden]`
 * @param scores `[n, experts]`
 * @param weights the tensors below `mlp.`, published names
 */
export function decoExperts(ffn: ExpertFfn, x: Tensor, scores: Tensor, weights: Tensors, eps: number): Tensor {
  const activated = (h: Tensor): Tensor => expertActivation(ffn, h, weights["expert_act.rms_norm.weight"], eps);
  const gate = ffn.expertGated === true ? activated(linear(x.ref, weights["expert_gate_proj.weight"]!)) : undefined;
  const up = linear(x, weights["expert_up_proj.weight"]!);
  return scoredDown(gate === undefined ? activated(up) : gate.mul(up), scores, weights["expert_down_proj.weight"]!);
}
