import type { Drafter } from "../drafters/drafter.ts";
import type { DrafterCosts } from "./measures.ts";
import type { Choice } from "./policy.ts";
import { PRIOR_WEIGHT, RECENT_WEIGHT, YIELD_WEIGHT } from "./tuning.ts";

/** A drafter and a size. */
export interface Arm {
  readonly choice: Choice & { readonly drafter: Drafter };
  readonly costs: DrafterCosts;
  /** Planned time of a proposal, as a share of a plain pass; depth in edges. */
  readonly planned: number;
  readonly depth: number;
}

/** Expected tokens of a round: what such drafts bring on the whole, or less if they bring less just now. */
export function expectedTokens({ choice: { drafter, nodes }, costs, depth }: Arm): number {
  const { recent } = costs;
  const now = (RECENT_WEIGHT + recent.sum) / (RECENT_WEIGHT + recent.weight);
  return 1 + (hopedTokens(costs, nodes, drafter.prior, depth) - 1) * Math.min(1, now);
}

/** 1 + p + p^2 + ... + p^depth tokens at the acceptance p seen so far, corrected by what the size brought. */
export function hopedTokens({ accepted, yields }: DrafterCosts, nodes: number, prior: number, depth: number): number {
  const p = (prior * PRIOR_WEIGHT + accepted.sum) / (PRIOR_WEIGHT + accepted.weight);
  const chain = p >= 1 ? depth + 1 : (1 - p ** (depth + 1)) / (1 - p);
  const seen = yields[nodes]!;
  return (chain * YIELD_WEIGHT + seen.sum) / (YIELD_WEIGHT + seen.weight);
}
