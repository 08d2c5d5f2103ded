import { Cost, DrafterCosts } from "./measures.ts";
import { MAX_TREE_NODES } from "../speculative/tree.ts";
import {
  COLD_MS,
  COLD_RUNS,
  COLD_SHARE,
  COST_DECAY,
  CREDIT,
  DEBT_DECAY,
  FADE_EVERY,
  FASTER,
  LONG_DOUBT,
  LOOK_SHARE,
  MOST_CREDIT,
  MOST_DEBT,
  NEEDED_DECAY,
  OPEN_SHARE,
  OUTLIER,
  PRIOR_ROW,
  SHORT_DOUBT,
  SHORT_REST,
  SLOWER,
} from "./tuning.ts";

/** What a guard has measured of a model: kept from one generation to the next. It holds times and counts, never tokens. */
export class GuardCosts {
  /** Milliseconds of a plain pass; 0 before the first. Cautious: a faster pass counts for more than a slower one. */
  plain = 0;
  /** Plain passes that drafts have lost in the long run; negative when won. */
  debt = 0;
  /** Plain passes since a guard looked for something to do, and how many it rests if it finds nothing. */
  idle = 0;
  patience = SHORT_REST;
  /** Plain passes before drafters are made again. */
  doubt = 0;
  /** Milliseconds that a look takes. */
  readonly #look = new Cost();
  /** Milliseconds that a generation has to last before its first draft is affordable, as the last one had it. */
  needed = 0;
  /** Milliseconds of all decoding. */
  total = 0;
  /** What drafts won in the last generation that had them, and what all of it took, in milliseconds. */
  #won = 0;
  #wonIn = 0;
  /** Milliseconds to make drafters and guard, and how often that was done. */
  readonly #setup = new Cost();
  #openings = 0;
  readonly #chunks = Array.from({ length: MAX_TREE_NODES + 1 }, () => new Cost());
  /** For each number of rows the next smaller measured one (at least 1), and the next larger (0: none). */
  readonly #below = new Uint8Array(MAX_TREE_NODES + 1).fill(1);
  readonly #above = new Uint8Array(MAX_TREE_NODES + 1);
  readonly #drafters = new Map<string, DrafterCosts>();
  #rounds = 0;

  drafter(name: string): DrafterCosts {
    let costs = this.#drafters.get(name);
    if (costs === undefined) this.#drafters.set(name, (costs = new DrafterCosts()));
    return costs;
  }

  /** Takes note of `count` plain passes of `ms`, their median. */
  addPlain(ms: number, count: number): void {
    if (!(this.plain > 0)) this.plain = ms;
    else this.plain += (count / (count + (ms < this.plain ? FASTER : SLOWER))) * (Math.min(ms, OUTLIER * this.plain) - this.plain);
  }

  /** Plain passes without a look took `ms` in all. */
  rest(ms: number, passes: number): void {
    this.idle += passes;
    this.total += ms;
    this.needed *= NEEDED_DECAY ** passes;
  }

  /** Whether code may run for the first time. */
  get mayBeCold(): boolean {
    return COLD_MS <= COLD_SHARE * this.total;
  }

  /** Whether it is time to make drafters and guard, in a generation that took so long up to now. */
  mayOpen(spentMs: number): boolean {
    if (this.idle < this.doubt || spentMs < this.needed) return false;
    return this.#setup.known ? this.#setup.most <= OPEN_SHARE * spentMs : this.mayBeCold;
  }

  /** They were made. */
  addSetup(ms: number): void {
    this.doubt = Math.min(LONG_DOUBT, Math.max(SHORT_DOUBT, 2 * this.doubt));
    if (++this.#openings > COLD_RUNS) this.#setup.add(ms);
  }

  /** Takes note of what a chunk cost; more rows than a tree has tell nothing. */
  addChunk(rows: number, ms: number): void {
    if (rows < 2 || rows > MAX_TREE_NODES) return;
    const cost = this.#chunks[rows]!;
    const known = cost.known;
    cost.add(ms);
    if (!known) this.#findNeighbours();
  }

  /** Takes note of what a look took. */
  addLook(ms: number): void {
    this.#look.add(ms);
  }

  /** Plain passes between two looks, at least. */
  get pause(): number {
    return this.#look.known ? Math.ceil(this.#look.value / (LOOK_SHARE * this.plain)) : 1;
  }

  /** Takes note of a draft that lost so much time against plain decoding. */
  addLoss(ms: number): void {
    if (ms < 0) {
      this.patience = SHORT_REST;
      this.doubt = 0;
      this.needed = 0;
    }
    if (this.plain > 0) this.debt = Math.max(-MOST_CREDIT, Math.min(MOST_DEBT, this.debt + ms / this.plain));
  }

  /** A generation of `spentMs` up to now has won `ms` with its drafts. */
  addWin(ms: number, spentMs: number): void {
    this.#won = Math.max(0, ms);
    this.#wonIn = spentMs;
  }

  /** Milliseconds that the next generation may risk at its start: little, of what was won, were it as long as the last one. */
  credit(tolerance: number): number {
    return Math.min(this.#won, CREDIT * this.plain, tolerance * this.#wonIn);
  }

  /** Ends so many rounds. */
  tick(rounds: number): void {
    const before = Math.floor(this.#rounds / FADE_EVERY);
    this.#rounds += rounds;
    const periods = Math.floor(this.#rounds / FADE_EVERY) - before;
    if (periods === 0) return;
    this.debt *= DEBT_DECAY ** periods;
    const factor = COST_DECAY ** periods;
    for (const cost of this.#chunks) cost.decay(factor);
    for (const drafter of this.#drafters.values()) drafter.decay(periods);
    this.#findNeighbours();
  }

  /** Measured milliseconds by rows of a chunk. */
  measured(): Record<number, number> {
    const out: Record<number, number> = this.plain > 0 ? { 1: this.plain } : {};
    this.#chunks.forEach((cost, rows) => {
      if (cost.known) out[rows] = cost.value;
    });
    return out;
  }

  /** Expected milliseconds of a chunk: measured, or on a line between the measured sizes around it; with hope, where none is smaller. */
  expected(rows: number): number {
    const between = this.#between(rows, (cost) => cost.value);
    if (between === undefined) return this.#beyond(rows, true);
    return this.#chunks[rows]!.known || this.#below[rows]! > 1 ? between : Math.min(between, this.#beyond(rows, true));
  }

  /** The most that a chunk may cost: beyond the measured sizes a plain pass for each further row. */
  most(rows: number): number {
    return this.#between(rows, (cost) => cost.most) ?? this.#beyond(rows, false);
  }

  #between(rows: number, of: (cost: Cost) => number): number | undefined {
    const own = this.#chunks[rows]!;
    if (own.known) return of(own);
    const above = this.#above[rows]!;
    if (above === 0) return undefined;
    const below = this.#below[rows]!;
    const low = below > 1 ? of(this.#chunks[below]!) : this.plain;
    return low + ((of(this.#chunks[above]!) - low) * (rows - below)) / (above - below);
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
