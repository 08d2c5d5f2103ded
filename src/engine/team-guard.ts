/** A new measurement moves a cost by this share of the difference ... */
const STEP = 0.25;
/** ... and counts as at most so many times the cost: a single pause of the machine should not decide. */
const OUTLIER = 4;
/**
 * Calls before the other way is tried, and how often it is then tried in a row: the first time, which has to wake the workers, does not
 * count.
 */
const PROBE_AFTER = 12;
const PROBE_CALLS = 4;
/** Most time that trying may lose, as a share of all time. */
const TOLERANCE = 0.02;
/** What was lost and what time there was count half after so many calls: what was true a minute ago may have changed. */
const MEMORY_CALLS = 200;
const FADE = 0.5 ** (1 / MEMORY_CALLS);
/** The other way is taken when it costs less than this share. */
const BETTER = 0.97;

/** Milliseconds of a call. */
class CallTime {
  value = 0;
  known = false;

  add(ms: number): void {
    this.value += this.known ? STEP * (Math.min(ms, OUTLIER * this.value) - this.value) : ms;
    this.known = true;
  }

  set(ms: number): void {
    this.value = ms;
    this.known = true;
  }
}

/** One size of call, and whether it is better run together or alone. */
class SizeChoice {
  readonly #alone = new CallTime();
  readonly #together = new CallTime();
  #best = true;
  #since = 0;
  #probes = 0;
  #probed = 0;
  #total = 0;
  #lost = 0;

  next(): boolean {
    if (this.#probes === 0 && this.#since >= PROBE_AFTER && this.#lost <= TOLERANCE * this.#total) this.#probes = PROBE_CALLS;
    return this.#probes > 0 ? !this.#best : this.#best;
  }

  record(together: boolean, ms: number): void {
    const [mine, other] = this.#best ? [this.#together, this.#alone] : [this.#alone, this.#together];
    this.#total = this.#total * FADE + ms;
    this.#lost *= FADE;
    if (together === this.#best) {
      mine.add(ms);
      this.#since++;
    } else {
      this.#lost += Math.max(0, ms - mine.value);
      if (this.#probes < PROBE_CALLS) this.#probed += Math.min(ms, OUTLIER * mine.value);
      if (--this.#probes > 0) return;
      other.set(this.#probed / (PROBE_CALLS - 1));
      this.#probed = 0;
      this.#since = 0;
    }
    if (!other.known || other.value >= BETTER * mine.value) return;
    this.#best = !this.#best;
    this.#since = 0;
  }
}

/**
 * Measures, while a model runs, whether its threads help: another process on one of the cores can make them wait for each other for longer
 * than they save, and small models have too little to share. Results do not depend on it. Trying the slower way costs at most 2 % of the
 * time.
 */
export class TeamGuard {
  readonly #choices = new Map<number, SizeChoice>();

  /** Whether the next call of `rows` rows should be run on all threads. */
  together(rows: number): boolean {
    return this.#choice(rows).next();
  }

  /** What such a call took. */
  record(rows: number, together: boolean, ms: number): void {
    this.#choice(rows).record(together, ms);
  }

  /** Calls of 1, 2, 3..4, 5..8, ... rows are judged together. */
  #choice(rows: number): SizeChoice {
    const size = Math.ceil(Math.log2(rows));
    let choice = this.#choices.get(size);
    if (choice === undefined) this.#choices.set(size, (choice = new SizeChoice()));
    return choice;
  }
}
