/**
 * A factor that drives the share of active experts to a target (ReMoE, arXiv 2412.14711; DECO, arXiv 2605.10933): it grows by the
 * multiplier after a step with too many, and shrinks after all others, not below its floor.
 */
export function followTarget(factor: number, tooMany: boolean, floor: number, multiplier: number): number {
  return tooMany ? factor * multiplier : Math.max(factor / multiplier, floor);
}

export interface EntropyTarget {
  /** The least coefficient. */
  readonly floor: number;
  readonly multiplier: number;
  /** Share of active experts that is aimed at. */
  readonly share: number;
}

/**
 * DECO's coefficient of router entropy after a step; the next step uses it.
 * @param activePercent share of active experts over all layers with experts, in percent, as `activationPercent` rounds it
 */
export function entropyCoefficient(coefficient: number, activePercent: number, { floor, multiplier, share }: EntropyTarget): number {
  return followTarget(coefficient, activePercent > 100 * share, floor, multiplier);
}

/** A share in percent, rounded to two digits as DECO's code does before it compares. */
export function activationPercent(share: number): number {
  return Number((100 * share).toFixed(2));
}
