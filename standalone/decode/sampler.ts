import { randomFromSeed } from "../../core/sampling/rng";
import { TokenSampler } from "../../core/sampling/sampler";
import { Bytes } from "../bytes";
import { fail } from "../failure";
import { GenerateOptions } from "./options";

/** Draws tokens from logits in linear memory by core/sampling/sampler.ts. */
export class Sampler {
  private core: TokenSampler;

  constructor(
    options: GenerateOptions,
    private size: i32,
  ) {
    const random = randomFromSeed(<f64>options.seed);
    this.core = new TokenSampler(options.temperature, options.topK, options.topP, options.minP, options.repetitionPenalty, random, size);
  }

  /**
   * The next token; -1 when the logits cannot be used (a failure).
   * @param logits f32 [size]
   * @param history ids that the repetition penalty is for
   */
  sample(logits: usize, history: Bytes): i32 {
    const core = this.core;
    for (let i = 0; i < this.size; i++) core.scores[i] = load<f32>(logits + ((<usize>i) << 2));
    const wrong = core.firstUnusable();
    if (wrong >= 0) {
      fail(`is ${core.scores[wrong]}: the weights are damaged, or numbers overflowed`, `logits[${wrong}]`);
      return -1;
    }
    if (core.repetitionPenalty !== 1) {
      for (let i = 0; i < history.ints; i++) {
        const id = history.int(i);
        core.penalise(id, load<f32>(logits + ((<usize>id) << 2)));
      }
    }
    const best = core.best();
    if (best < 0) {
      fail("bar every token: none is above -Infinity", "logits");
      return -1;
    }
    return core.draw(best);
  }
}
