import { lax, nn, np, type Tensor, type Tensors } from "../autodiff/jax.ts";
import { logSumExp } from "../autodiff/math.ts";
import { takeRows } from "../model/embedding.ts";
import { visibility } from "../model/forward.ts";
import { draftForward, type DraftHeadConfig } from "./head.ts";

/** Rows for the head; `[rows, length]` where not said otherwise. */
export interface DraftRows {
  /** `[rows, length, hidden]`: the base model's state at each position, after its final norm. */
  readonly hidden: Tensor;
  /** The token after each position. */
  readonly nextIds: Tensor;
  /** 1 where the token after the position, and a state for it, are in the same document and row. */
  readonly valid: Tensor;
  /** 1 where the position follows one of its document. */
  readonly follows: Tensor;
  readonly segments: Tensor;
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** `[vocab, hidden]`, frozen. */
  readonly embedding: Tensor;
  /** `[vocab, hidden]`, frozen; the embedding where they are tied. */
  readonly head: Tensor;
}

export interface DraftObjective {
  /** Weights of the feature loss (smooth L1) and of the token loss (cross entropy with the base model's distribution). */
  readonly feature: number;
  readonly token: number;
  /** Steps that the head drafts from its own output while it is trained. */
  readonly depth: number;
}

/**
 * EAGLE's two losses (arXiv 2401.15077), over `depth` steps: the first from the base model's states, the others from the head's own
 * outputs, as it drafts (HASS, arXiv 2408.15766, in its simplest form: a step's attention sees outputs of the step before it only).
 * @returns the scalar to minimise, and `[1 + depth]`: the loss and, for each step, the share of positions where the head's first choice
 *   is the base model's
 */
export function draftLoss(config: DraftHeadConfig, objective: DraftObjective, weights: Tensors, rows: DraftRows): [Tensor, Tensor] {
  const { base } = config;
  const [count, length, width] = rows.hidden.shape as [number, number, number];
  const n = count * length;
  const embedded = takeRows(rows.embedding, rows.nextIds.reshape([n])).mul(base.embedScale);
  const inputs = { rows: count, length, cos: rows.cos, sin: rows.sin, visible: visibility(rows.segments, count, length) };
  const target = later(rows.hidden.ref);
  const logits = (x: Tensor): Tensor => np.matmul(x.mul(base.logitScale), np.transpose(rows.head.ref));
  const truth = logits(target.ref.reshape([n, width]));
  const distribution = nn.softmax(truth.ref, -1);
  const choice = np.argmax(truth, -1);
  const valid = rows.valid.reshape([n]);
  const total = np.maximum(valid.ref.sum(), 1);
  const masked = (values: Tensor): Tensor => values.mul(valid.ref).sum().div(total.ref);
  let hidden = rows.hidden.reshape([n, width]);
  let loss: Tensor | undefined;
  const agreement: Tensor[] = [];
  for (let step = 0; step < objective.depth; step++) {
    const output = draftForward(config, weights, embedded.ref, hidden.ref, inputs);
    const drafted = lax.stopGradient(logits(output.ref));
    agreement.push(masked(np.equal(np.argmax(drafted.ref, -1), choice.ref).astype(np.float32)));
    const token = tokenLoss(output.ref, drafted, distribution.ref, valid.ref.div(total.ref), rows.head.ref, base.logitScale);
    const feature = np.mean(smoothL1(output.ref.sub(target.ref.reshape([n, width]))), -1);
    const part = token.mul(objective.token).add(masked(feature).mul(objective.feature));
    loss = loss === undefined ? part : loss.add(part);
    const own = earlier(output.reshape([count, length, width])).reshape([n, width]);
    hidden = np.where(np.greater(rows.follows.ref.reshape([n, 1]), 0), own, hidden);
  }
  const mean = (loss as Tensor).div(objective.depth);
  return [mean.ref, np.stack([mean, ...agreement].map((value) => lax.stopGradient(value)))];
}

/**
 * Sum over positions of weight * cross entropy with `distribution`. The gradient for x is written out, (softmax - distribution) head:
 * the library's own would compute the softmax anew inside the product, a hundred times slower, because nothing else needs it.
 * @param logits `[n, vocab]` of x, without a gradient
 */
export function tokenLoss(x: Tensor, logits: Tensor, distribution: Tensor, weights: Tensor, head: Tensor, scale: number): Tensor {
  const n = x.shape[0] as number;
  const norm = logSumExp(logits.ref);
  const losses = norm.ref.reshape([n]).sub(logits.ref.mul(distribution.ref).sum(-1));
  const slope = np
    .exp(logits.sub(norm))
    .sub(distribution)
    .mul(weights.ref.reshape([n, 1]));
  const gradient = lax.stopGradient(np.matmul(slope, head).mul(scale));
  const linear = x.mul(gradient).sum();
  return lax.stopGradient(losses.mul(weights).sum().sub(linear.ref)).add(linear);
}

/** x^2 / 2 below 1, |x| - 1/2 above. */
function smoothL1(x: Tensor): Tensor {
  const size = np.absolute(x);
  return np.where(np.less(size.ref, 1), np.square(size.ref).mul(0.5), size.sub(0.5));
}

/** Row p holds what row p + 1 held; the last one is zero. `[rows, length, width]`. */
function later(x: Tensor): Tensor {
  const length = x.shape[1] as number;
  return np.pad(x.slice([], [1, length], []), [
    [0, 0],
    [0, 1],
    [0, 0],
  ]);
}

/** Row p holds what row p - 1 held; the first one is zero. */
function earlier(x: Tensor): Tensor {
  const length = x.shape[1] as number;
  return np.pad(x.slice([], [0, length - 1], []), [
    [0, 0],
    [1, 0],
    [0, 0],
  ]);
}
