export interface ScheduleOptions {
  readonly steps: number;
  readonly warmup: number;
  readonly decay: number;
  /** Learning rate at the end, as a share of the full one. */
  readonly finalRatio: number;
}

/**
 * Warmup-stable-decay (MiniCPM, arXiv 2404.06395): linear up over `warmup` steps, flat, linear down to finalRatio over the last `decay` steps.
 * @param step from 1
 * @returns what the learning rate is multiplied by
 */
export function learningRateShare(step: number, { steps, warmup, decay, finalRatio }: ScheduleOptions): number {
  if (step <= warmup) return step / warmup;
  const left = steps - step;
  return left >= decay ? 1 : finalRatio + (1 - finalRatio) * (left / decay);
}
