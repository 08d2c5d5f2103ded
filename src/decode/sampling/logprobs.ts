import { exp } from "../../../core/sampling/exp.ts";
import { kthLargest } from "../../../core/sampling/select.ts";
import { FormatError } from "../../errors.ts";
import { log } from "./log.ts";

/** Most alternatives that can be asked for. */
export const MAX_LOGPROBS = 20;

/** Natural logarithm of the probability that the model gives a token, before temperature and every other sampler setting. */
export interface TokenLogprob {
  readonly id: number;
  readonly logprob: number;
}

/** How likely a token was, and which ones were likeliest. */
export interface Logprobs extends TokenLogprob {
  /** Likeliest first, the smaller id on ties. */
  readonly top: readonly TokenLogprob[];
}

/**
 * Log-softmax of a chosen token and of the `count` largest: x - max - ln(sum of e^(x - max)), in float64, summed in ascending
 * order of ids with exp and log of our own: the same on every host.
 * @param logits `[vocab]`, not changed
 * @throws FormatError for NaN or infinite logits.
 */
export function logprobsOf(logits: Float32Array, chosen: number, count: number): Logprobs {
  const scores = Float64Array.from(logits);
  let max = -Infinity;
  for (const score of scores) {
    if (!(score < Infinity)) throw new FormatError(`is ${score}: the weights are damaged, or numbers overflowed`, { field: "logits" });
    if (score > max) max = score;
  }
  let sum = 0;
  for (const score of scores) sum += exp(score - max);
  const total = max + log(sum);
  const at = (id: number): TokenLogprob => ({ id, logprob: scores[id]! - total });
  return { ...at(chosen), top: largest(scores, Math.min(count, scores.length)).map(at) };
}

/** Ids of the `count` largest scores, largest first, smaller ids first on ties. */
function largest(scores: Float64Array, count: number): number[] {
  if (count === 0) return [];
  const lowest = kthLargest(scores, scores.length, count, new Float64Array(count));
  const ids: number[] = [];
  for (let id = 0; id < scores.length; id++) if (scores[id]! >= lowest) ids.push(id);
  return ids.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, count);
}
