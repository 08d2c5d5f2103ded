export interface ScheduleOptions {
  readonly steps: number;
  readonly warmup: number;
  readonly decay: number;
  /** Learning rate at the end, as a share of the full one. */
  readonly finalRatio: number;
  /** Default: linear. */
  readonly decayShape?: "linear" | "exponential" | undefined;
}

/**
 * Warmup-stable-decay (MiniCPM, arXiv 2404.06395): linear up over `warmup` steps, flat, down to finalRatio over the last `decay` steps,
 * linearly or by 2 * 0.5^t - 1 for t from 0 to 1 (Megatron-LM's exponential tail, which DECO uses).
 * @param step from 1
 * @returns what the learning rate is multiplied by
 */
export function learningRateShare(step: number, { steps, warmup, decay, finalRatio, decayShape }: ScheduleOptions): number {
  if (step <= warmup) return step / warmup;
  const left = steps - step;
  if (left >= decay) return 1;
  const height = decayShape === "exponential" ? 2 * 0.5 ** (1 - left / decay) - 1 : left / decay;
  return finalRatio + (1 - finalRatio) * height;
}
