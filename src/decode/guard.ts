import { UsageError } from "../errors.ts";
import { MAX_TREE_NODES } from "./tree.ts";

export interface GuardOptions {
  /** Milliseconds from any fixed point. */
  readonly now: () => number;
  /** Tree sizes to choose from, besides 1; default 2, 4, 8, 16, 32, 64. */
  readonly sizes?: readonly number[];
  /** Most time lost against plain decoding, as a share of all time; default 0.02. */
  readonly tolerance?: number;
}

/** Measurements fade every so many rounds: each round would take longer than it is worth. */
const FADE_EVERY = 8;
/** What drafts brought counts half after 32 rounds: text changes. */
const YIELD_DECAY = 0.5 ** (FADE_EVERY / 32);
/** What a size costs counts half after 256: the machine hardly changes. */
const COST_DECAY = 0.5 ** (FADE_EVERY / 256);
/** Costs whose measurements weigh less than this are forgotten. */
const FORGOTTEN = 0.25;
/** A new measurement moves a known cost by this share of the difference ... */
const COST_STEP = 0.1;
/** ... and counts as at most this many times the cost: a pause of the machine is not a cost of the size. */
const OUTLIER = 1.5;
/** What is assumed before anything is measured: half of all drafted tokens are accepted, with the weight of a few drafts ... */
const PRIOR_ACCEPTED = 0.5;
const PRIOR_WEIGHT = 2;
/** ... that a size yields what a chain with this acceptance would, with the weight of a few rounds ... */
const YIELD_WEIGHT = 3;
/** ... and that a further row costs this share of a plain pass (a whole one, where a loss is risked). */
const PRIOR_ROW = 0.3;

/** A mean that forgets. */
class Mean {
  weight = 0;
  sum = 0;

  add(value: number): void {
    this.sum += value;
    this.weight++;
  }

  decay(): void {
    this.sum *= YIELD_DECAY;
    this.weight *= YIELD_DECAY;
  }
}

/** Milliseconds of a chunk of some size. */
class Cost {
  value = 0;
  #weight = 0;

  get known(): boolean {
    return this.#weight >= FORGOTTEN;
  }

  add(ms: number): void {
    const share = this.known ? Math.max(COST_STEP, 1 / (this.#weight + 1)) : 1;
    this.value += share * ((this.known ? Math.min(ms, OUTLIER * this.value) : ms) - this.value);
    this.#weight++;
  }

  decay(): void {
    this.#weight *= COST_DECAY;
  }
}

/**
 * Chooses the size of draft trees, 1 (no draft) included: the one with the most expected tokens a millisecond. While it
 * runs it measures what a chunk of n rows costs, how often drafts are accepted, and what each size yields; old measurements
 * fade, so a size that failed is tried again.
 *
 * It keeps an account of the time won and lost against plain decoding, and allows a draft only when its failure would leave
 * the loss within `tolerance` of all time spent. So whatever drafts do, a run is hardly slower than without them.
 *
 * Call `choose` before a round and `record` after it; only the time between them counts. Deterministic, given the clock.
 */
export class CostGuard {
  readonly #now: () => number;
  readonly #sizes: readonly number[];
  readonly #tolerance: number;
  /** Milliseconds by rows of a chunk. */
  readonly #costs = Array.from({ length: MAX_TREE_NODES + 1 }, () => new Cost());
  /** Tokens a round by size asked for, of rounds that had a draft. */
  readonly #yields = Array.from({ length: MAX_TREE_NODES + 1 }, () => new Mean());
  /** Accepted share of the drafted tokens whose parent was accepted. */
  readonly #accepted = new Mean();
  #plain = 0;
  #spent = 0;
  /** Time lost against plain decoding; negative when time was won. */
  #lost = 0;
  #rounds = 0;
  #size = 1;
  #start = 0;

  /** @throws UsageError for sizes that are not 2..64, or a tolerance that is not in 0..1. */
  constructor(options: GuardOptions) {
    const { now, sizes = [2, 4, 8, 16, 32, 64], tolerance = 0.02 } = options;
    for (const size of sizes) {
      if (!Number.isInteger(size) || size < 2 || size > MAX_TREE_NODES) throw new UsageError(`must be whole numbers from 2 to ${MAX_TREE_NODES}`, { field: "sizes", limit: MAX_TREE_NODES });
    }
    if (!(tolerance >= 0 && tolerance <= 1)) throw new UsageError("must be a number from 0 to 1", { field: "tolerance" });
    this.#now = now;
    this.#sizes = [...sizes].sort((a, b) => a - b);
    this.#tolerance = tolerance;
  }

  /** Starts a round. @returns nodes that its tree may have, at most `maxNodes`; 1 for a plain step. */
  choose(maxNodes: number): number {
    this.#size = this.#best(maxNodes);
    this.#start = this.#now();
    return this.#size;
  }

  /**
   * Ends the round.
   * @param rows nodes that the tree had; fewer than chosen when the drafter had no guess
   * @param depth depth of the tree in edges
   * @param tokens tokens that came out, accept length
   */
  record(rows: number, depth: number, tokens: number): void {
    const ms = Math.max(0, this.#now() - this.#start);
    this.#spent += ms;
    // Looking for a draft in vain is not free either.
    if (this.#size > 1) this.#lost += ms - tokens * this.#plain;
    if (++this.#rounds % FADE_EVERY === 0) this.#decay();
    this.#costs[rows]!.add(ms);
    if (rows === 1) {
      this.#plain = this.#costs[1]!.value;
      return;
    }
    this.#yields[this.#size]!.add(tokens);
    for (let i = 1; i < tokens; i++) this.#accepted.add(1);
    if (tokens <= depth) this.#accepted.add(0);
  }

  /** Takes note of what a chunk of the prompt cost; larger ones than a tree tell nothing. */
  observe(rows: number, ms: number): void {
    if (rows > 1 && rows <= MAX_TREE_NODES) this.#costs[rows]!.add(ms);
  }

  #best(maxNodes: number): number {
    if (!(this.#plain > 0)) return 1;
    let best = 1;
    let bestSpeed = 1 / this.#plain;
    for (const size of this.#sizes) {
      if (size > maxNodes) break;
      const { cost, most } = this.#cost(size);
      const speed = this.#yield(size) / cost;
      if (speed > bestSpeed && this.#lost + Math.max(0, most - this.#plain) <= this.#tolerance * (this.#spent + most)) {
        best = size;
        bestSpeed = speed;
      }
    }
    return best;
  }

  /** Expected tokens of a round with a tree of this size. */
  #yield(size: number): number {
    const { weight, sum } = this.#accepted;
    const accepted = (PRIOR_ACCEPTED * PRIOR_WEIGHT + sum) / (PRIOR_WEIGHT + weight);
    // A chain of size - 1 drafts: 1 + p + p^2 + ... + p^(size - 1).
    const chain = accepted >= 1 ? size : (1 - accepted ** size) / (1 - accepted);
    const seen = this.#yields[size]!;
    return (chain * YIELD_WEIGHT + seen.sum) / (YIELD_WEIGHT + seen.weight);
  }

  /**
   * Expected cost of a chunk, and the most that it may be: measured, or on a line between the measured sizes around it.
   * Beyond them the line goes on, and the most is a plain pass for each further row.
   */
  #cost(rows: number): { cost: number; most: number } {
    const own = this.#costs[rows]!;
    if (own.known) return { cost: own.value, most: own.value };
    let below = rows - 1;
    while (below > 1 && !this.#costs[below]!.known) below--;
    const low = below > 1 ? this.#costs[below]!.value : this.#plain;
    for (let above = rows + 1; above <= MAX_TREE_NODES; above++) {
      const high = this.#costs[above]!;
      if (!high.known) continue;
      const cost = low + ((high.value - low) * (rows - below)) / (above - below);
      return { cost, most: cost };
    }
    const row = below > 1 ? Math.max(0, (low - this.#plain) / (below - 1)) : PRIOR_ROW * this.#plain;
    return { cost: low + row * (rows - below), most: low + this.#plain * (rows - below) };
  }

  #decay(): void {
    for (let i = 1; i <= MAX_TREE_NODES; i++) {
      this.#costs[i]!.decay();
      this.#yields[i]!.decay();
    }
    this.#accepted.decay();
  }
}
