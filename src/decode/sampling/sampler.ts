import { FormatError, UsageError } from "../../errors.ts";
import { exp } from "./exp.ts";
import { createRandom } from "./rng.ts";
import type { Random } from "./rng.ts";
import { kthLargest, nucleusEnd } from "./select.ts";
import { checkOptions, type OptionNames } from "../../options.ts";

/** Applied in the order of Hugging Face transformers: repetition penalty, temperature, top-k, top-p, min-p. */
export interface SamplerOptions {
  /** 0 (default): the largest score, the smallest id on ties. Above: scores are divided by it. */
  readonly temperature?: number;
  /** Keeps the k largest scores, and all that equal the k-th; 0 (default) keeps all. */
  readonly topK?: number;
  /** Keeps the most likely tokens until their probabilities together reach it, at least one; 1 (default) keeps all. */
  readonly topP?: number;
  /** Keeps tokens that are at least this times as likely as the likeliest; 0 (default) keeps all. */
  readonly minP?: number;
  /** Divides the positive, multiplies the negative logits of tokens in the history; 1 (default) changes nothing. */
  readonly repetitionPenalty?: number;
  /** Integer from 0 to 2^53 - 1; default 0. */
  readonly seed?: number;
}

const NAMES = { temperature: true, topK: true, topP: true, minP: true, repetitionPenalty: true, seed: true } satisfies OptionNames<SamplerOptions>;

/** The distribution that a token is drawn from. Views into buffers of the sampler, valid until its next call. */
export interface Distribution {
  /** Tokens that can be drawn, in ascending order. */
  readonly ids: Uint32Array;
  /** Their probabilities, all above 0; sum 1. */
  readonly probs: Float64Array;
}

export interface Sampler {
  /** Where draws come from; greedy sampling draws nothing. */
  readonly random: Random;
  /**
   * Chooses the next token.
   * @param logits `[vocab]`; -Infinity bars a token. Not changed.
   * @param history ids that the repetition penalty is for (prompt and output); repeated ids count once.
   * @throws FormatError when a logit is NaN or +Infinity or all are barred, UsageError for history ids outside the vocabulary.
   */
  sample(logits: Float32Array, history: ArrayLike<number>): number;
  /** The distribution that `sample` draws from; at temperature 0 one token with probability 1. Same errors. */
  probabilities(logits: Float32Array, history: ArrayLike<number>): Distribution;
}

/**
 * Makes a sampler. All arithmetic is float64 and every sum is taken in ascending order of ids, with exp and random
 * numbers of our own (exp.ts, rng.ts): the same options, logits and seed give the same tokens on every host.
 * @throws UsageError naming the option that is out of range.
 */
export function createSampler(options: SamplerOptions = {}): Sampler {
  checkOptions(options, NAMES, "createSampler");
  return new TokenSampler(options);
}

class TokenSampler implements Sampler {
  readonly random: Random;
  readonly #temperature: number;
  readonly #topK: number;
  readonly #topP: number;
  readonly #minP: number;
  readonly #penalty: number;
  // Buffers of one entry a token, kept from call to call.
  #scores = new Float64Array(0);
  #weights = new Float64Array(0);
  #ids = new Uint32Array(0);

  constructor(options: SamplerOptions) {
    const { temperature = 0, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, seed = 0 } = options;
    this.#temperature = ranged("temperature", temperature, temperature >= 0 && temperature <= 100, "a number from 0 to 100");
    this.#topK = ranged("topK", topK, Number.isSafeInteger(topK) && topK >= 0, "an integer, 0 or more");
    this.#topP = ranged("topP", topP, topP >= 0 && topP <= 1, "a number from 0 to 1");
    this.#minP = ranged("minP", minP, minP >= 0 && minP <= 1, "a number from 0 to 1");
    this.#penalty = ranged("repetitionPenalty", repetitionPenalty, repetitionPenalty > 0 && repetitionPenalty <= 100, "a number above 0 and at most 100");
    this.random = createRandom(seed);
  }

  sample(logits: Float32Array, history: ArrayLike<number>): number {
    const best = this.#penalise(logits, history);
    if (this.#temperature === 0) return best;
    const count = this.#distribute(best);
    const weights = this.#weights;
    let sum = 0;
    for (let i = 0; i < count; i++) sum += weights[i]!;
    const target = this.random.float() * sum;
    let reached = 0;
    for (let i = 0; i < count - 1; i++) {
      reached += weights[i]!;
      if (reached > target) return this.#ids[i]!;
    }
    return this.#ids[count - 1]!;
  }

  probabilities(logits: Float32Array, history: ArrayLike<number>): Distribution {
    const best = this.#penalise(logits, history);
    let count = 1;
    if (this.#temperature === 0) {
      this.#ids[0] = best;
      this.#weights[0] = 1;
    } else {
      count = this.#distribute(best);
    }
    const probs = this.#weights.subarray(0, count);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += probs[i]!;
    for (let i = 0; i < count; i++) probs[i]! /= sum;
    return { ids: this.#ids.subarray(0, count), probs };
  }

  /** Fills #scores with the logits after the repetition penalty. @returns the id of the largest, the smallest on ties. */
  #penalise(logits: Float32Array, history: ArrayLike<number>): number {
    const size = logits.length;
    if (this.#scores.length !== size) {
      this.#scores = new Float64Array(size);
      this.#weights = new Float64Array(size);
      this.#ids = new Uint32Array(size);
    }
    const scores = this.#scores;
    for (let i = 0; i < size; i++) {
      const logit = logits[i]!;
      if (!(logit < Infinity)) {
        throw new FormatError(`is ${logit}: the weights are damaged, or numbers overflowed`, { field: `logits[${i}]` });
      }
      scores[i] = logit;
    }
    if (this.#penalty !== 1) {
      for (let i = 0; i < history.length; i++) {
        const id = history[i]!;
        const logit = logits[id];
        if (logit === undefined) throw new UsageError(`holds the id ${id}, which is outside the vocabulary of ${size}`, { field: "history", limit: size });
        scores[id] = Math.min(logit < 0 ? logit * this.#penalty : logit / this.#penalty, Number.MAX_VALUE);
      }
    }
    let best = 0;
    for (let i = 1; i < size; i++) if (scores[i]! > scores[best]!) best = i;
    if (!(scores[best]! > -Infinity)) throw new FormatError("bar every token: none is above -Infinity", { field: "logits" });
    return best;
  }

  /** Fills the start of #ids and #weights with the tokens that are left and their unnormalised weights. @returns how many. */
  #distribute(best: number): number {
    const scores = this.#scores;
    const weights = this.#weights;
    const ids = this.#ids;
    const size = scores.length;
    const max = scores[best]!;
    // First the difference: it is 0 or less, so that no temperature can make it NaN.
    for (let i = 0; i < size; i++) scores[i] = (scores[i]! - max) / this.#temperature;
    // #weights is not in use yet and lends its space.
    const lowest = this.#topK > 0 && this.#topK < size ? kthLargest(scores, this.#topK, weights) : -Infinity;
    let total = 0;
    let candidates = 0;
    for (let i = 0; i < size; i++) {
      const weight = scores[i]! >= lowest ? exp(scores[i]!) : 0;
      weights[i] = weight;
      total += weight;
      if (weight > 0) ids[candidates++] = i;
    }
    const end = this.#topP < 1 ? nucleusEnd(scores, weights, ids, candidates, this.#topP * total) : -1;
    let count = 0;
    for (let i = 0; i < size; i++) {
      // The likeliest token has weight 1.
      const weight = weights[i]!;
      if (weight === 0 || weight < this.#minP) continue;
      if (end >= 0 && (scores[i]! < scores[end]! || (scores[i] === scores[end] && i > end))) continue;
      ids[count] = i;
      weights[count] = weight;
      count++;
    }
    return count;
  }
}

function ranged(field: string, value: number, valid: boolean, expected: string): number {
  if (typeof value !== "number" || !valid) throw new UsageError(`must be ${expected}`, { field });
  return value;
}
