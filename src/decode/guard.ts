import { UsageError } from "../errors.ts";
import type { Drafter } from "./drafters/drafter.ts";
import { GuardCosts, type DrafterCosts } from "./guard-costs.ts";
import { PLAIN, type Choice, type Outcome, type Policy } from "./policy.ts";
import { MAX_TREE_NODES } from "./tree.ts";

export interface GuardOptions {
  /** Who may draft; the first of equals is taken. */
  readonly drafters: readonly Drafter[];
  /** Tree sizes to choose from, besides 1. */
  readonly sizes: readonly number[];
  /** Most time lost against plain decoding, as a share of all time; default 0.02. */
  readonly tolerance?: number;
  /** What is known already; default: nothing. */
  readonly costs?: GuardCosts;
}

/** The drafter's own prior has the weight of a few drafts ... */
const PRIOR_WEIGHT = 2;
/** ... and that a size yields what its depth promises, that of a few rounds. */
const YIELD_WEIGHT = 3;
/** A drafter that was not measured may take this many times what it planned, and these milliseconds, as its code is cold. */
const UNKNOWN_RATIO = 2;
const UNKNOWN_START = 0.3;
/** Plain passes that a generation may risk at its start, if the one before won them. */
const CREDIT = 2;
/** While plain decoding is best, this is looked at every so many rounds. */
const IDLE_ROUNDS = 8;

/** A drafter and a size. */
interface Arm {
  readonly choice: Choice & { readonly drafter: Drafter };
  readonly costs: DrafterCosts;
  /** Planned time of a proposal, as a share of a plain pass; depth in edges. */
  readonly planned: number;
  readonly depth: number;
}

/**
 * Chooses drafter and size of draft trees, none included: whichever has the most expected tokens a millisecond, drafting time
 * included. While it runs it measures what a chunk of n rows costs, what drafts cost, how often they are accepted, and what each
 * size yields; old measurements fade, so what failed is tried again.
 *
 * It keeps an account of the time won and lost against plain decoding, and allows a draft only when its failure would leave
 * the loss within `tolerance` of all time spent (and little more, if the generation before won it). So whatever drafts do, a run is hardly slower than without them.
 * Deterministic, given the times.
 */
export class CostGuard implements Policy {
  readonly #costs: GuardCosts;
  #arms: readonly Arm[];
  readonly #tolerance: number;
  #spent = 0;
  /** Time lost against plain decoding; negative when time was won. */
  #lost = 0;
  /** Chunks of prompts so far; those of earlier generations have made the code warm. */
  #seen: number;
  /** Rounds until the next look, while plain decoding is best. */
  #idle = 0;

  /** @throws UsageError for sizes that are not 2..64, or a tolerance that is not in 0..1. */
  constructor(options: GuardOptions) {
    const { drafters, sizes, tolerance = 0.02, costs = new GuardCosts() } = options;
    for (const size of sizes) {
      if (!Number.isInteger(size) || size < 2 || size > MAX_TREE_NODES) throw new UsageError(`must be whole numbers from 2 to ${MAX_TREE_NODES}`, { field: "sizes", limit: MAX_TREE_NODES });
    }
    if (!(tolerance >= 0 && tolerance <= 1)) throw new UsageError("must be a number from 0 to 1", { field: "tolerance" });
    this.#tolerance = tolerance;
    this.#lost = -Math.min(costs.won, CREDIT * costs.plain);
    this.#seen = costs.plain > 0 ? 1 : 0;
    this.#costs = costs;
    this.#arms = drafters.flatMap((drafter) => [...sizes].sort((a, b) => a - b).map((nodes): Arm => {
      const { cost, depth } = drafter.plan(nodes);
      return { choice: { drafter, nodes }, costs: costs.drafter(drafter.name), planned: cost, depth };
    }));
  }

  choose(maxNodes: number): Choice {
    if (this.#idle > 0) {
      this.#idle--;
      return PLAIN;
    }
    const best = this.#best(maxNodes);
    if (best === PLAIN) this.#idle = IDLE_ROUNDS - 1;
    return best;
  }

  recordPlain(ms: number): void {
    this.#spent += ms;
    this.#costs.addChunk(1, ms);
    this.#costs.tick();
  }

  record({ drafter, nodes }: Choice, { draftMs, verifyMs, arrears, rows, depth, tokens }: Outcome): void {
    const costs = this.#costs;
    const { plain } = costs;
    this.#spent += draftMs + verifyMs;
    // Looking for a draft in vain is not free either.
    this.#lost += draftMs + verifyMs - tokens * plain;
    costs.won = Math.max(0, -this.#lost);
    costs.addChunk(rows, verifyMs);
    costs.tick();
    if (drafter === undefined) return;
    const own = costs.drafter(drafter.name);
    const planned = (drafter.plan(nodes).cost + arrears) * plain;
    if (planned > 0) own.ratio.add(draftMs / planned);
    if (rows === 1) return;
    own.yields[nodes]!.add(tokens);
    for (let i = 1; i < tokens; i++) own.accepted.add(1);
    if (tokens <= depth) own.accepted.add(0);
  }

  observe(rows: number, ms: number): void {
    // The first chunk of a process runs code that is not compiled yet: it tells nothing.
    if (rows > 1 && this.#seen++ > 0) this.#costs.addChunk(rows, ms);
  }

  giveUp(drafter: Drafter): boolean {
    this.#arms = this.#arms.filter(({ choice }) => choice.drafter !== drafter);
    return true;
  }

  #best(maxNodes: number): Choice {
    const costs = this.#costs;
    const { plain } = costs;
    if (!(plain > 0)) return PLAIN;
    let best = PLAIN;
    let bestSpeed = 1 / plain;
    for (const arm of this.#arms) {
      const { drafter, nodes } = arm.choice;
      if (nodes > maxNodes) continue;
      const draft = (arm.costs.ratio.known ? arm.costs.ratio.value : 1) * plain;
      const speed = expectedTokens(arm) / (draft * arm.planned + costs.expected(nodes));
      if (speed <= bestSpeed) continue;
      const planned = arm.planned + drafter.arrears;
      const most = (arm.costs.ratio.known ? draft * planned : plain * UNKNOWN_RATIO * planned + UNKNOWN_START) + costs.most(nodes);
      if (this.#lost + Math.max(0, most - plain) > this.#tolerance * (this.#spent + most)) continue;
      best = arm.choice;
      bestSpeed = speed;
    }
    return best;
  }
}

/** Expected tokens of a round: 1 + p + p^2 + ... + p^depth at the acceptance p seen so far, corrected by what the size brought. */
function expectedTokens({ choice: { drafter, nodes }, costs, depth }: Arm): number {
  const { accepted } = costs;
  const p = (drafter.prior * PRIOR_WEIGHT + accepted.sum) / (PRIOR_WEIGHT + accepted.weight);
  const chain = p >= 1 ? depth + 1 : (1 - p ** (depth + 1)) / (1 - p);
  const seen = costs.yields[nodes]!;
  return (chain * YIELD_WEIGHT + seen.sum) / (YIELD_WEIGHT + seen.weight);
}
