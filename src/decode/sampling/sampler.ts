import { TokenSampler } from "../../../core/sampling/sampler.ts";
import { FormatError, UsageError } from "../../errors.ts";
import { checkOptions, type OptionNames } from "../../options.ts";
import { seededRandom, type Random } from "./rng.ts";

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

const NAMES = {
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  seed: true,
} satisfies OptionNames<SamplerOptions>;

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
 * Makes a sampler: core/sampling/sampler.ts says how it computes, the same on every host.
 * @throws UsageError naming the option that is out of range.
 */
export function createSampler(options: SamplerOptions = {}): Sampler {
  checkOptions(options, NAMES, "createSampler");
  return new CheckedSampler(options);
}

class CheckedSampler implements Sampler {
  readonly random: Random;
  readonly #make: (size: number) => TokenSampler;
  #core: TokenSampler | undefined;

  constructor(options: SamplerOptions) {
    const { temperature = 0, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, seed = 0 } = options;
    ranged("temperature", temperature, temperature >= 0 && temperature <= 100, "a number from 0 to 100");
    ranged("topK", topK, Number.isSafeInteger(topK) && topK >= 0, "an integer, 0 or more");
    ranged("topP", topP, topP >= 0 && topP <= 1, "a number from 0 to 1");
    ranged("minP", minP, minP >= 0 && minP <= 1, "a number from 0 to 1");
    ranged("repetitionPenalty", repetitionPenalty, repetitionPenalty > 0 && repetitionPenalty <= 100, "a number above 0 and at most 100");
    const random = seededRandom(seed);
    this.random = random;
    this.#make = (size) => new TokenSampler(temperature, topK, topP, minP, repetitionPenalty, random, size);
  }

  sample(logits: Float32Array, history: ArrayLike<number>): number {
    const core = this.#fill(logits, history);
    return core.draw(bestOf(core));
  }

  probabilities(logits: Float32Array, history: ArrayLike<number>): Distribution {
    const core = this.#fill(logits, history);
    const count = core.distribute(bestOf(core));
    const probs = core.weights.subarray(0, count);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += probs[i]!;
    for (let i = 0; i < count; i++) probs[i]! /= sum;
    return { ids: new Uint32Array(core.ids.buffer, 0, count), probs };
  }

  /** Gives the sampler the logits, with the repetition penalty. */
  #fill(logits: Float32Array, history: ArrayLike<number>): TokenSampler {
    const size = logits.length;
    if (this.#core?.scores.length !== size) this.#core = this.#make(size);
    const core = this.#core!;
    core.scores.set(logits);
    const wrong = core.firstUnusable();
    if (wrong >= 0)
      throw new FormatError(`is ${logits[wrong]}: the weights are damaged, or numbers overflowed`, { field: `logits[${wrong}]` });
    if (core.repetitionPenalty !== 1) {
      for (let i = 0; i < history.length; i++) {
        const id = history[i]!;
        const logit = logits[id];
        if (logit === undefined)
          throw new UsageError(`holds the id ${id}, which is outside the vocabulary of ${size}`, { field: "history", limit: size });
        core.penalise(id, logit);
      }
    }
    return core;
  }
}

function bestOf(core: TokenSampler): number {
  const best = core.best();
  if (best < 0) throw new FormatError("bar every token: none is above -Infinity", { field: "logits" });
  return best;
}

function ranged(field: string, value: number, valid: boolean, expected: string): void {
  if (typeof value !== "number" || !valid) throw new UsageError(`must be ${expected}`, { field });
}
