import type { GuardCosts } from "../guard/costs.ts";
import { MEANS } from "../guard/tuning.ts";

/** Plain steps that a generation does before it has drafters: what the costs know of them, and their means for the policy that comes. */
export class PlainNotes {
  readonly #means: number[] = [];
  #count = 0;
  #ms = 0;

  /** Tells the costs what was done since the last time. @param steps all plain steps so far, and their milliseconds */
  tell(costs: GuardCosts, { count, ms }: { readonly count: number; readonly ms: number }): void {
    if (count === this.#count) return;
    costs.rest(ms - this.#ms, count - this.#count);
    this.#means.push((ms - this.#ms) / (count - this.#count));
    this.#count = count;
    this.#ms = ms;
  }

  /** Mean milliseconds of a step, one for each of the last times. */
  lastMeans(): Float64Array {
    return Float64Array.from(this.#means.slice(-MEANS));
  }
}
