import { MAX_TREE_NODES } from "../speculative/tree.ts";
import { COLD_RUNS, COST_DECAY, COST_STEP, DEVIATIONS, FORGOTTEN, OUTLIER, PRIOR_SPREAD, RECENT_DECAY, YIELD_DECAY } from "./tuning.ts";

/** A mean that forgets. */
export class Mean {
  weight = 0;
  sum = 0;

  add(value: number, weight = 1): void {
    this.sum += value * weight;
    this.weight += weight;
  }

  decay(factor: number): void {
    this.sum *= factor;
    this.weight *= factor;
  }
}

/** Something that is measured again and again, and hardly changes. */
export class Cost {
  value = 0;
  #weight = 0;
  #spread = 0;

  get known(): boolean {
    return this.#weight >= FORGOTTEN;
  }

  /** What it hardly ever exceeds. */
  get most(): number {
    return this.value + DEVIATIONS * this.#spread;
  }

  add(value: number): void {
    if (!this.known) {
      this.value = value;
      this.#spread = PRIOR_SPREAD * value;
    } else {
      const difference = Math.min(value, OUTLIER * this.value) - this.value;
      const share = Math.max(COST_STEP, 1 / (this.#weight + 1));
      this.value += share * difference;
      this.#spread += COST_STEP * (Math.abs(difference) - this.#spread);
    }
    this.#weight++;
  }

  decay(factor: number): void {
    this.#weight *= factor;
  }
}

/** What one drafter was worth. */
export class DrafterCosts {
  /** Measured over planned time of a proposal. */
  readonly ratio = new Cost();
  /** Proposals so far. */
  proposals = 0;
  /** Accepted share of the drafted tokens whose parent was accepted. */
  readonly accepted = new Mean();
  /** Tokens a round by size asked for, of rounds that had a draft. */
  readonly yields = Array.from({ length: MAX_TREE_NODES + 1 }, () => new Mean());
  /** Drafted tokens that came out over those expected, just now: a mean weighted with the latter. */
  readonly recent = new Mean();

  get cold(): boolean {
    return this.proposals < COLD_RUNS;
  }

  /** A proposal took so many times what was planned. The first ones tell nothing of those that come. */
  addProposal(ratio: number): void {
    if (!this.cold && Number.isFinite(ratio)) this.ratio.add(ratio);
    this.proposals++;
  }

  decay(periods: number): void {
    const factor = YIELD_DECAY ** periods;
    this.ratio.decay(COST_DECAY ** periods);
    this.accepted.decay(factor);
    this.recent.decay(RECENT_DECAY ** periods);
    for (const mean of this.yields) if (mean.weight > 0) mean.decay(factor);
  }
}
