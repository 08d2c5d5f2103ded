import { fail } from "../failure";

export const SPECULATE_OFF: i32 = 0;
export const SPECULATE_NGRAM: i32 = 1;

export const MAX_STOPS: i32 = 64;
const MAX_STOP_LENGTH: i32 = 4096;

/** How text is generated: the names, defaults and ranges of src/decode/options.ts. */
export class GenerateOptions {
  maxTokens: i32 = 256;
  temperature: f64 = 0;
  topK: i32 = 0;
  topP: f64 = 1;
  minP: f64 = 0;
  repetitionPenalty: f64 = 1;
  /** 0 to 2^53 - 1. */
  seed: u64 = 0;
  ignoreEos: bool = false;
  speculate: i32 = SPECULATE_OFF;
  /** Texts before which it ends. */
  stops: string[] = [];

  /** Plain greedy decoding, which the engine does itself. */
  get greedy(): bool {
    return this.temperature === 0 && this.repetitionPenalty === 1;
  }

  /** Fails naming the option that is out of range. */
  check(): void {
    if (this.maxTokens < 1) fail("must be a whole number, 1 or more", "max-tokens");
    if (!(this.temperature >= 0 && this.temperature <= 100)) fail("must be a number from 0 to 100", "temperature");
    if (this.topK < 0) fail("must be a whole number, 0 or more", "top-k");
    if (!(this.topP >= 0 && this.topP <= 1)) fail("must be a number from 0 to 1", "top-p");
    if (!(this.minP >= 0 && this.minP <= 1)) fail("must be a number from 0 to 1", "min-p");
    if (!(this.repetitionPenalty > 0 && this.repetitionPenalty <= 100)) {
      fail("must be a number above 0 and at most 100", "repetition-penalty");
    }
    if (this.stops.length > MAX_STOPS) fail(`are more than ${MAX_STOPS}`, "stop");
    for (let i = 0; i < this.stops.length; i++) {
      const length = this.stops[i].length;
      if (length === 0 || length > MAX_STOP_LENGTH) fail(`must be a text of 1 to ${MAX_STOP_LENGTH} characters`, "stop");
    }
    if (this.seed >= 1 << 53) fail("must be a whole number from 0 to 2^53 - 1", "seed");
  }
}
