import { MAX_TREE_NODES } from "./tree.ts";

/** Measurements fade every so many rounds: each round would take longer than it is worth. */
export const FADE_EVERY = 8;
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
/** A further row is assumed to cost this share of a plain pass (a whole one, where a loss is risked). */
const PRIOR_ROW = 0.3;

/** A mean that forgets. */
export class Mean {
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

/** Something that is measured again and again, and hardly changes. */
export class Cost {
  value = 0;
  #weight = 0;

  get known(): boolean {
    return this.#weight >= FORGOTTEN;
  }

  add(value: number): void {
    const share = this.known ? Math.max(COST_STEP, 1 / (this.#weight + 1)) : 1;
    this.value += share * ((this.known ? Math.min(value, OUTLIER * this.value) : value) - this.value);
    this.#weight++;
  }

  decay(): void {
    this.#weight *= COST_DECAY;
  }
}

/** What one drafter was worth. */
export class DrafterCosts {
  /** Measured over planned time of a proposal. */
  readonly ratio = new Cost();
  /** Accepted share of the drafted tokens whose parent was accepted. */
  readonly accepted = new Mean();
  /** Tokens a round by size asked for, of rounds that had a draft. */
  readonly yields = Array.from({ length: MAX_TREE_NODES + 1 }, () => new Mean());

  decay(): void {
    this.ratio.decay();
    this.accepted.decay();
    for (const mean of this.yields) mean.decay();
  }
}

/** What a guard has measured of a model: kept from one generation to the next. It holds times and counts, never tokens. */
export class GuardCosts {
  readonly #chunks = Array.from({ length: MAX_TREE_NODES + 1 }, () => new Cost());
  /** For each number of rows the next smaller measured one (at least 1), and the next larger (0: none). */
  readonly #below = new Uint8Array(MAX_TREE_NODES + 1).fill(1);
  readonly #above = new Uint8Array(MAX_TREE_NODES + 1);
  readonly #drafters = new Map<string, DrafterCosts>();
  /** Milliseconds that the last generation with drafts won against plain decoding. */
  won = 0;
  #rounds = 0;

  /** Milliseconds of a plain pass; 0 before the first. */
  get plain(): number {
    return this.#chunks[1]!.value;
  }

  drafter(name: string): DrafterCosts {
    let costs = this.#drafters.get(name);
    if (costs === undefined) this.#drafters.set(name, (costs = new DrafterCosts()));
    return costs;
  }

  /** Takes note of what a chunk cost; more rows than a tree has tell nothing. */
  addChunk(rows: number, ms: number): void {
    if (rows > MAX_TREE_NODES) return;
    const cost = this.#chunks[rows]!;
    const known = cost.known;
    cost.add(ms);
    if (!known) this.#findNeighbours();
  }

  /** Ends a round. */
  tick(): void {
    if (++this.#rounds % FADE_EVERY !== 0) return;
    for (const cost of this.#chunks) cost.decay();
    for (const drafter of this.#drafters.values()) drafter.decay();
    this.#findNeighbours();
  }

  /** Measured milliseconds by rows of a chunk. */
  measured(): Record<number, number> {
    const out: Record<number, number> = {};
    this.#chunks.forEach((cost, rows) => {
      if (cost.known) out[rows] = cost.value;
    });
    return out;
  }

  /** Expected milliseconds of a chunk: measured, or on a line between the measured sizes around it. */
  expected(rows: number): number {
    return this.#between(rows) ?? this.#beyond(rows, true);
  }

  /** The most that a chunk may cost: beyond the measured sizes a plain pass for each further row. */
  most(rows: number): number {
    return this.#between(rows) ?? this.#beyond(rows, false);
  }

  #between(rows: number): number | undefined {
    const own = this.#chunks[rows]!;
    if (own.known) return own.value;
    const above = this.#above[rows]!;
    if (above === 0) return undefined;
    const below = this.#below[rows]!;
    const low = below > 1 ? this.#chunks[below]!.value : this.plain;
    return low + ((this.#chunks[above]!.value - low) * (rows - below)) / (above - below);
  }

  #beyond(rows: number, likely: boolean): number {
    const below = this.#below[rows]!;
    const low = below > 1 ? this.#chunks[below]!.value : this.plain;
    const row = !likely ? this.plain : below > 1 ? Math.max(0, (low - this.plain) / (below - 1)) : PRIOR_ROW * this.plain;
    return low + row * (rows - below);
  }

  #findNeighbours(): void {
    let below = 1;
    for (let rows = 2; rows <= MAX_TREE_NODES; rows++) {
      this.#below[rows] = below;
      if (this.#chunks[rows]!.known) below = rows;
    }
    let above = 0;
    for (let rows = MAX_TREE_NODES; rows > 1; rows--) {
      this.#above[rows] = above;
      if (this.#chunks[rows]!.known) above = rows;
    }
  }
}
