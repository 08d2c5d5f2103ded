import { UsageError } from "../../src/errors.ts";

export interface FactorOptions {
  readonly start: number;
  /** The factor rises from 0 over so many iterations. */
  readonly warmup: number;
  /** First iteration at which the factor may change. At least 2 * step. */
  readonly stable: number;
  /** Iterations between changes, and in the windows whose mean losses are compared. */
  readonly step: number;
  /** Iterations before the first one, when a run goes on. */
  readonly offset?: number;
  /** Largest factor, as a multiple of `start`. */
  readonly maxFactor: number;
  /** Least growth while the loss rises. */
  readonly minFactor: number;
}

/** All that changes while it runs; plain JSON, for checkpoints. */
export interface FactorState {
  readonly base: number;
  readonly ratio: number;
  /** Length of the linear change, and how far it has gone. */
  readonly span: number;
  readonly progress: number;
  readonly previous: readonly number[];
  readonly current: readonly number[];
}

/**
 * The adaptive factor scheduler of chunk sparsification (BlockFFN, section 3.2 and its authors' AdaptiveLinearScheduler):
 * every `step` iterations the factor changes by the ratio of the loss's mean over the last window to the one before, linearly
 * over the next `step` iterations. So the factor grows (at least by minFactor) while the loss grows, and follows it down.
 */
export class FactorSchedule {
  readonly #options: FactorOptions;
  #base: number;
  #ratio = 1;
  #span: number;
  #progress = 0;
  #previous: number[] = [];
  #current: number[] = [];

  /** @throws UsageError for windows that do not fit together. */
  constructor(options: FactorOptions, state?: FactorState) {
    const { start, warmup, stable, step } = options;
    if (!(warmup >= 0 && warmup <= stable))
      throw new UsageError(`is ${warmup}; it must be from 0 to stable, ${stable}`, { field: "warmup", limit: stable });
    if (!(step >= 1)) throw new UsageError(`is ${step}; it must be at least 1`, { field: "step" });
    if (stable < 2 * step)
      throw new UsageError(`is ${stable}; two windows of ${step} iterations must come first`, { field: "stable", limit: 2 * step });
    this.#options = options;
    this.#base = state?.base ?? start;
    this.#span = state?.span ?? stable;
    if (state === undefined) return;
    this.#ratio = state.ratio;
    this.#progress = state.progress;
    this.#previous = [...state.previous];
    this.#current = [...state.current];
  }

  get state(): FactorState {
    return {
      base: this.#base,
      ratio: this.#ratio,
      span: this.#span,
      progress: this.#progress,
      previous: [...this.#previous],
      current: [...this.#current],
    };
  }

  /** The factor from which the linear change goes, and its target as a multiple of it. */
  get base(): number {
    return this.#base;
  }

  get ratio(): number {
    return this.#ratio;
  }

  /**
   * Takes the loss of an iteration and gives the factor for it.
   * @param iteration from 1 (after `offset`)
   * @param canStep whether the factor may change now (the last micro-batch of an optimiser step)
   */
  next(iteration: number, loss: number, canStep: boolean): number {
    const { start, warmup, stable, step, offset = 0, maxFactor, minFactor } = this.#options;
    const i = iteration - offset;
    this.#current.push(loss);
    const previous = mean(this.#previous);
    const current = mean(this.#current);
    if (i % step === 0) {
      this.#previous = this.#current;
      this.#current = [];
    }
    const value = this.peek(iteration);
    if (i >= warmup && canStep && i >= stable && i % step === 0 && previous > 0 && current > 0) {
      const change = current / previous;
      this.#base = value;
      this.#ratio = Math.min((start * maxFactor) / value, change > 1 ? Math.max(minFactor, change) : change);
      this.#span = step;
      this.#progress = 0;
    }
    this.#progress++;
    return value;
  }

  /** What `next` will give for an iteration. */
  peek(iteration: number): number {
    const { start, warmup, offset = 0 } = this.#options;
    const i = iteration - offset;
    return i < warmup ? start * (i / warmup) : this.#value;
  }

  get #value(): number {
    const left = 1 - Math.min(1, this.#progress / Math.max(1, this.#span));
    const ratio = this.#ratio;
    const change = (1 - ratio) * left;
    return this.#base * (ratio + (ratio <= 1 ? Math.max(change, 0) : Math.min(change, 0)));
  }
}

/** NaN for none: it compares as false. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
