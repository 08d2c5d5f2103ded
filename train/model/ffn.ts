import type { ExpertFfn, ModelConfig } from "../../src/architecture/config.ts";
import { np, type Tensor, type Tensors } from "../autodiff/jax.ts";
import { silu } from "../autodiff/math.ts";
import { decoRouting } from "../routers/deco.ts";
import { route } from "../routers/router.ts";
import type { RouterNoise, Routing } from "../routers/routing.ts";
import { decoExperts } from "./deco-experts.ts";
import { weightedExperts } from "./experts.ts";
import { linear } from "./linear.ts";

export interface FfnOutput {
  readonly y: Tensor;
  /** Absent for dense layers. */
  readonly routing: Routing | undefined;
}

type FfnConfig = Pick<ModelConfig, "architecture" | "ffn" | "rmsEps">;

/** The feed-forward branch of a layer: `[n, hidden]` to the same. `weights`: the tensors below `mlp.`, official names and layouts. */
export function feedForward(config: FfnConfig, layer: number, x: Tensor, weights: Tensors, noise: RouterNoise | undefined): FfnOutput {
  const { architecture, ffn, rmsEps } = config;
  if (ffn.kind === "dense" || ffn.denseLayers?.includes(layer) === true) return { y: dense(x, weights, ""), routing: undefined };
  const shared = ffn.sharedSize > 0 ? dense(x.ref, weights, "shared_experts.") : undefined;
  const { y, routing } = architecture === "blockffn" ? deco(ffn, x, weights, rmsEps) : experts(ffn, x, weights, rmsEps, noise);
  return { y: shared === undefined ? y : y.add(shared), routing };
}

function deco(ffn: ExpertFfn, x: Tensor, weights: Tensors, eps: number): FfnOutput & { routing: Routing } {
  const raw = linear(x.ref, weights["moe_router.weight"]!);
  const routing = decoRouting(ffn, raw, weights["router_norm.weight"], weights["expert_bias"], eps);
  return { y: decoExperts(ffn, x, routing.scores.ref, weights, eps), routing };
}

function experts(
  ffn: ExpertFfn,
  x: Tensor,
  weights: Tensors,
  eps: number,
  noise: RouterNoise | undefined,
): FfnOutput & { routing: Routing } {
  const block = ffn.router === "block";
  const raw = linear(x.ref, weights[block ? "router_proj.weight" : "router.weight"]!);
  const routing = route(ffn, raw, weights["router_norm.weight"], eps, noise);
  const [up, down] = block
    ? [weights["up_proj"]!, weights["down_proj"]!]
    : [weights["experts.up_proj.weight"]!, weights["experts.down_proj.weight"]!];
  const hidden = x.shape[1] as number;
  return { y: weightedExperts(x, routing.scores.ref, flatUp(up, hidden), flatDown(down, hidden)), routing };
}

function dense(x: Tensor, weights: Tensors, prefix: string): Tensor {
  const gate = weights[`${prefix}gate_proj.weight`];
  const up = linear(x.ref, weights[`${prefix}up_proj.weight`]!);
  const inner = gate === undefined ? (x.dispose(), silu(up)) : silu(linear(x, gate)).mul(up);
  return linear(inner, weights[`${prefix}down_proj.weight`]!);
}

/** `[experts, size, hidden]` or already `[experts * size, hidden]`. */
function flatUp(up: Tensor, hidden: number): Tensor {
  return up.ndim === 3 ? up.reshape([-1, hidden]) : up;
}

/** `[experts, hidden, size]` or already `[hidden, experts * size]`. */
function flatDown(down: Tensor, hidden: number): Tensor {
  return down.ndim === 3 ? np.transpose(down, [1, 0, 2]).reshape([hidden, -1]) : down;
}
