import { MAX_TREE_NODES } from "../speculative/tree.ts";

/** Measurements fade every so many rounds: each round would take longer than it is worth. */
export const FADE_EVERY = 8;
/** What drafts brought counts half after 32 rounds, as text changes, ... */
const YIELD_DECAY = 0.5 ** (FADE_EVERY / 32);
/** ... and what they brought just now after 8. */
const RECENT_DECAY = 0.5 ** (FADE_EVERY / 8);
/** What a size costs counts half after 1024: the machine hardly changes. */
export const COST_DECAY = 0.5 ** (FADE_EVERY / 1024);
/** Costs whose measurements weigh less than this are forgotten. */
const FORGOTTEN = 0.25;
/** A new measurement moves a known cost by this share of the difference ... */
const COST_STEP = 0.1;
/** ... and counts as at most this many times the cost: a pause of the machine is not a cost of the size. */
export const OUTLIER = 1.5;
/** Until it was measured often, a cost is taken to vary by this share ... */
const PRIOR_SPREAD = 0.1;
/** ... and it may be dearer than its mean by so many mean deviations. */
const DEVIATIONS = 2;
/** So often code is cold. */
export const COLD_RUNS = 2;

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
