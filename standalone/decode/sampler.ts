import { Bytes } from "../bytes";
import { fail } from "../failure";
import { exp64 } from "./exp";
import { GenerateOptions } from "./options";
import { Random } from "./rng";
import { kthLargest, nucleusEnd } from "./select";

/** Chooses tokens as src/decode/sampling/sampler.ts does: float64, sums in ascending order of ids, so the same seed gives the same tokens. */
export class Sampler {
  private random: Random;
  private scores: StaticArray<f64>;
  private weights: StaticArray<f64>;
  private ids: StaticArray<i32>;

  constructor(private options: GenerateOptions, private size: i32) {
    this.random = new Random(options.seed);
    this.scores = new StaticArray<f64>(size);
    this.weights = new StaticArray<f64>(size);
    this.ids = new StaticArray<i32>(size);
  }

  /**
   * The next token; -1 when the logits cannot be used (a failure).
   * @param logits f32 [size]
   * @param history ids that the repetition penalty is for
   */
  sample(logits: usize, history: Bytes): i32 {
    const best = this.penalise(logits, history);
    if (best < 0 || this.options.temperature === 0) return best;
    const count = this.distribute(best);
    const weights = this.weights;
    let sum: f64 = 0;
    for (let i = 0; i < count; i++) sum += weights[i];
    const target = this.random.float() * sum;
    let reached: f64 = 0;
    for (let i = 0; i < count - 1; i++) {
      reached += weights[i];
      if (reached > target) return this.ids[i];
    }
    return this.ids[count - 1];
  }

  /** Fills `scores` with the logits after the repetition penalty. @returns the id of the largest, the smallest on ties */
  private penalise(logits: usize, history: Bytes): i32 {
    const scores = this.scores;
    for (let i = 0; i < this.size; i++) {
      const logit = load<f32>(logits + (<usize>i << 2));
      if (!(logit < Infinity)) {
        fail(`is ${logit}: the weights are damaged, or numbers overflowed`, `logits[${i}]`);
        return -1;
      }
      scores[i] = logit;
    }
    const penalty = this.options.repetitionPenalty;
    if (penalty !== 1) {
      for (let i = 0; i < history.ints; i++) {
        const id = history.int(i);
        const logit = <f64>load<f32>(logits + (<usize>id << 2));
        scores[id] = min(logit < 0 ? logit * penalty : logit / penalty, f64.MAX_VALUE);
      }
    }
    let best = 0;
    for (let i = 1; i < this.size; i++) if (scores[i] > scores[best]) best = i;
    if (!(scores[best] > -Infinity)) {
      fail("bar every token: none is above -Infinity", "logits");
      return -1;
    }
    return best;
  }

  /** Fills the start of `ids` and `weights` with the tokens that are left and their unnormalised weights. @returns how many */
  private distribute(best: i32): i32 {
    const scores = this.scores;
    const weights = this.weights;
    const ids = this.ids;
    const size = this.size;
    const options = this.options;
    const peak = scores[best];
    for (let i = 0; i < size; i++) scores[i] = (scores[i] - peak) / options.temperature;
    const lowest = options.topK > 0 && options.topK < size ? kthLargest(scores, size, options.topK, weights) : -Infinity;
    let total: f64 = 0;
    let candidates = 0;
    for (let i = 0; i < size; i++) {
      const weight = scores[i] >= lowest ? exp64(scores[i]) : 0;
      weights[i] = weight;
      total += weight;
      if (weight > 0) ids[candidates++] = i;
    }
    const end = options.topP < 1 ? nucleusEnd(scores, weights, ids, candidates, options.topP * total) : -1;
    let count = 0;
    for (let i = 0; i < size; i++) {
      const weight = weights[i];
      if (weight === 0 || weight < options.minP) continue;
      if (end >= 0 && (scores[i] < scores[end] || (scores[i] === scores[end] && i > end))) continue;
      ids[count] = i;
      weights[count] = weight;
      count++;
    }
    return count;
  }
}
