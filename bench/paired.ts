import { median } from "./measure.ts";

/** A median and what is known of it: with 95 % certainty the true one lies from `low` to `high`, whatever the distribution. */
export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly samples: number;
}

/** Chance that the true median lies outside of the interval. */
const ALPHA = 0.05;

/**
 * Median of independent values with a distribution-free interval: the k-th smallest and k-th largest of n values enclose the
 * median unless fewer than k of n fair coins fall on one side (binomial; Conover, Practical Nonparametric Statistics, 3.2).
 * Below six values no such k exists: then it is the whole range, which is less certain.
 */
export function estimate(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  let k = 0;
  let chance = 0.5 ** n;
  for (let tail = chance; 2 * tail <= ALPHA; tail += chance) {
    k++;
    chance *= (n - k + 1) / k;
  }
  const at = Math.max(0, k - 1);
  return { median: median(sorted), low: sorted[at]!, high: sorted[n - 1 - at]!, samples: n };
}

/** All orders of the ways: in turn, so that none always follows the same other one. */
export function orders<T>(ways: readonly T[]): T[][] {
  if (ways.length <= 1) return [[...ways]];
  return ways.flatMap((way, i) => orders(ways.filter((_, j) => j !== i)).map((rest) => [way, ...rest]));
}

/**
 * Goes on until every series is settled (at least `least` samples, and its interval reaches at most `within` to either side of
 * its median), or the time is over; a sample is a call of `sample`, which adds one value to each series.
 * @returns samples taken; at least `least`
 */
export async function sampleUntilSettled(
  series: readonly (readonly number[])[],
  sample: (index: number) => Promise<void>,
  { least, most, within, ms }: { least: number; most: number; within: number; ms: number },
): Promise<number> {
  const end = performance.now() + ms;
  for (let i = 0; i < most; i++) {
    if (i >= least && (performance.now() >= end || series.every((values) => settled(values, within)))) return i;
    await sample(i);
  }
  return most;
}

/**
 * Goes on with those series alone whose interval holds `line`, until none does, `most` more samples are taken or the time is over.
 * `sample` adds
 * one value to each of the series whose places it is given.
 */
export async function sampleUndecided(
  series: readonly (readonly number[])[],
  line: number,
  sample: (index: number, undecided: readonly number[]) => Promise<void>,
  { most, ms }: { most: number; ms: number },
): Promise<void> {
  const end = performance.now() + ms;
  for (let i = 0; i < most && performance.now() < end; i++) {
    const undecided = series.flatMap((values, at) => {
      const { low, high } = estimate(values);
      return low <= line && line <= high ? [at] : [];
    });
    if (undecided.length === 0) return;
    await sample(i, undecided);
  }
}

function settled(values: readonly number[], within: number): boolean {
  const { median: mid, low, high } = estimate(values);
  return high - mid <= within && mid - low <= within;
}
