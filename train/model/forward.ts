import type { ModelConfig } from "../../src/architecture/config.ts";
import { np, type Tensor, type Tensors } from "../autodiff/jax.ts";
import type { RouterNoise, Routing } from "../routers/routing.ts";
import { attention, type AttentionInputs } from "./attention.ts";
import { takeRows } from "./embedding.ts";
import { feedForward } from "./ffn.ts";
import { rmsNorm } from "./rms-norm.ts";

/** Token rows for a pass. */
export interface TokenRows {
  /** `[rows, length]` i32 token ids. */
  readonly ids: Tensor;
  /** `[rows, length]` i32: tokens see earlier tokens of their row with the same number. */
  readonly segments: Tensor;
  /** `ropeTables` of at least `length` positions, cut to it. */
  readonly cos: Tensor;
  readonly sin: Tensor;
}

export interface ForwardOutput {
  /** After the final norm, `[rows * length, hidden]`. */
  readonly hidden: Tensor;
  /** One for each layer with experts. */
  readonly routings: readonly Routing[];
}

/**
 * Runs the model up to the final norm: the same computation as the engine's, on the same tensors (official names), differentiable.
 * Does not take `weights` over: they may be used again.
 */
export function forwardHidden(config: ModelConfig, weights: Tensors, tokens: TokenRows, noise?: RouterNoise): ForwardOutput {
  const [rows, length] = tokens.ids.shape as [number, number];
  const inputs: AttentionInputs = { rows, length, cos: tokens.cos, sin: tokens.sin, visible: visibility(tokens.segments, rows, length) };
  const routings: Routing[] = [];
  let x = takeRows(weights["model.embed_tokens.weight"]!.ref, tokens.ids.reshape([rows * length])).mul(config.embedScale);
  for (let l = 0; l < config.layers; l++) {
    const layer = `model.layers.${l}.`;
    const normed = rmsNorm(x.ref, weights[`${layer}input_layernorm.weight`]!.ref, config.rmsEps);
    x = x.add(attention(config.attention, normed, below(weights, `${layer}self_attn.`), inputs).mul(config.residualScale));
    const inner = rmsNorm(x.ref, weights[`${layer}post_attention_layernorm.weight`]!.ref, config.rmsEps);
    const { y, routing } = feedForward(config, l, inner, below(weights, `${layer}mlp.`), noise);
    if (routing !== undefined) routings.push(routing);
    x = x.add(y.mul(config.residualScale));
  }
  return { hidden: rmsNorm(x, weights["model.norm.weight"]!.ref, config.rmsEps), routings };
}

/** Logits `[n, vocab]` of hidden states after the final norm. */
export function headLogits(config: ModelConfig, weights: Tensors, hidden: Tensor): Tensor {
  const head = weights[config.tied ? "model.embed_tokens.weight" : "lm_head.weight"]!;
  return np.matmul(hidden.mul(config.logitScale), np.transpose(head.ref));
}

/** Width of the rotated part of a head. */
export function ropeDim({ attention }: ModelConfig): number {
  return attention.kind === "gqa" ? attention.headDim : attention.ropeDim;
}

/** The weights whose names start with `prefix`, without it; new references. */
function below(weights: Tensors, prefix: string): Tensors {
  return Object.fromEntries(
    Object.entries(weights)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, weight]) => [name.slice(prefix.length), weight.ref]),
  );
}

/** `[rows, 1, length, length]`: which keys (axis 3) a query (axis 2) sees. */
export function visibility(segments: Tensor, rows: number, length: number): Tensor {
  const position = np.arange(length).astype(np.int32);
  const earlier = np.greaterEqual(position.ref.reshape([1, length, 1]), position.reshape([1, 1, length]));
  const same = np.equal(segments.ref.reshape([rows, length, 1]), segments.reshape([rows, 1, length]));
  return np.logicalAnd(earlier, same).reshape([rows, 1, length, length]);
}
