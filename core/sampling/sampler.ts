import { exp } from "./exp.ts";
import { Xoshiro128 } from "./rng.ts";
import { kthLargest, nucleusEnd } from "./select.ts";

/**
 * Draws tokens from scores. All arithmetic is float64 and every sum is taken in ascending order of ids, with exp and random numbers of
 * our own: the same options, logits and seed give the same tokens on every host. A call goes: fill `scores` with the logits,
 * `firstUnusable`, `penalise` what is repeated, `best`, then `draw` or `distribute`. Options are in the ranges that the callers check.
 */
export class TokenSampler {
  /** One a token: the logits, then what `distribute` makes of them. */
  readonly scores: Float64Array;
  /** Unnormalised probabilities, and the ids they belong to, ascending; `distribute` says how many. */
  readonly weights: Float64Array;
  readonly ids: Int32Array;
  private readonly size: i32;

  /** @param size tokens of the vocabulary */
  constructor(
    readonly temperature: f64,
    private readonly topK: f64,
    private readonly topP: f64,
    private readonly minP: f64,
    readonly repetitionPenalty: f64,
    private readonly random: Xoshiro128,
    size: i32,
  ) {
    this.size = size;
    this.scores = new Float64Array(size);
    this.weights = new Float64Array(size);
    this.ids = new Int32Array(size);
  }

  /** The first token whose score is NaN or +Infinity; -1 when there is none. */
  firstUnusable(): i32 {
    const scores = this.scores;
    for (let i = 0; i < this.size; i++) if (!(scores[i]! < Infinity)) return i;
    return -1;
  }

  /** Applies the repetition penalty to a token. @param logit as the model gave it, so that repeated ids count once */
  penalise(id: i32, logit: f64): void {
    const penalty = this.repetitionPenalty;
    const score = logit < 0 ? logit * penalty : logit / penalty;
    this.scores[id] = score < Number.MAX_VALUE ? score : Number.MAX_VALUE;
  }

  /** The token with the largest score, the smallest id on ties; -1 when all are barred by -Infinity. */
  best(): i32 {
    const scores = this.scores;
    let best = 0;
    for (let i = 1; i < this.size; i++) if (scores[i]! > scores[best]!) best = i;
    return scores[best]! > -Infinity ? best : -1;
  }

  /** Draws a token; `best` itself at temperature 0, which draws no random number. */
  draw(best: i32): i32 {
    if (this.temperature === 0) return best;
    const count = this.distribute(best);
    const weights = this.weights;
    let sum: f64 = 0;
    for (let i = 0; i < count; i++) sum += weights[i]!;
    const target = this.random.float() * sum;
    let reached: f64 = 0;
    for (let i = 0; i < count - 1; i++) {
      reached += weights[i]!;
      if (reached > target) return this.ids[i]!;
    }
    return this.ids[count - 1]!;
  }

  /** Fills the start of `ids` and `weights` with the tokens that are left and their unnormalised weights. @returns how many */
  distribute(best: i32): i32 {
    const scores = this.scores;
    const weights = this.weights;
    const ids = this.ids;
    const size = this.size;
    if (this.temperature === 0) {
      ids[0] = best;
      weights[0] = 1;
      return 1;
    }
    const peak = scores[best]!;
    // First the difference: it is 0 or less, so that no temperature can make it NaN.
    for (let i = 0; i < size; i++) scores[i] = (scores[i]! - peak) / this.temperature;
    // `weights` is not in use yet and lends its space.
    const lowest = this.topK > 0 && this.topK < size ? kthLargest(scores, size, this.topK as i32, weights) : -Infinity;
    let total: f64 = 0;
    let candidates = 0;
    for (let i = 0; i < size; i++) {
      const weight = scores[i]! >= lowest ? exp(scores[i]!) : 0.0;
      weights[i] = weight;
      total += weight;
      if (weight > 0) ids[candidates++] = i;
    }
    const end = this.topP < 1 ? nucleusEnd(scores, weights, ids, candidates, this.topP * total) : -1;
    let count = 0;
    for (let i = 0; i < size; i++) {
      // The likeliest token has weight 1.
      const weight = weights[i]!;
      if (weight === 0 || weight < this.minP) continue;
      if (end >= 0 && (scores[i]! < scores[end]! || (scores[i]! === scores[end]! && i > end))) continue;
      ids[count] = i;
      weights[count] = weight;
      count++;
    }
    return count;
  }
}
