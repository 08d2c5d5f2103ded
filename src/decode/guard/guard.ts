import { UsageError } from "../../errors.ts";
import type { Drafter } from "../drafters/drafter.ts";
import { Account } from "./account.ts";
import { expectedTokens, hopedTokens, type Arm } from "./arm.ts";
import { GuardCosts } from "./costs.ts";
import { PLAIN, type Choice, type Outcome, type Policy } from "./policy.ts";
import { MAX_TREE_NODES } from "../speculative/tree.ts";
import { CHECK_PLAIN, CLEAR, DEBT_HALF, FIRST_REST, KEEP, LISTEN, LONG_REST, PASSES, SURPRISE, UNKNOWN_RATIO } from "./tuning.ts";

export interface GuardOptions {
  /** Who may draft; the first of equals is taken. */
  readonly drafters: readonly Drafter[];
  /** Tree sizes to choose from, besides 1. */
  readonly sizes: readonly number[];
  /** Most time lost against plain decoding, as a share of all time; default 0.015. */
  readonly tolerance?: number;
  /** What is known already; default: nothing. */
  readonly costs?: GuardCosts;
  /** Share of a plain pass that is spent on logits: chunks of a prompt have them for one row only; default 0. */
  readonly logitShare?: number;
}

/**
 * Chooses drafter and size of draft trees, none included: whichever has the most expected tokens a millisecond, drafting time
 * included. While it runs it measures what a chunk of n rows costs, what drafts cost, how often they are accepted, and what each
 * size yields; old measurements fade, so what failed is tried again, less and less often while it goes on failing.
 *
 * It keeps an account of the time won and lost against plain decoding, and allows a draft only when its failure would leave
 * the loss of this generation within `tolerance` of all its time, or little more if the one before won it. So whatever drafts do, a run
 * is hardly slower than without them.
 * Deterministic, given the times.
 */
export class CostGuard implements Policy {
  readonly #costs: GuardCosts;
  readonly #account: Account;
  readonly #tolerance: number;
  readonly #logitShare: number;
  #arms: readonly Arm[];
  /** Chunks of prompts so far; those of earlier generations have made the code warm. */
  #seen: number;
  /** Chunks of the prompt, until there is a plain pass to compare them with. */
  #observed: { readonly rows: number; readonly ms: number }[] = [];
  #drafted = false;
  /** The overhead that is told next is that of a look in vain. */
  #looked = false;
  #rest = 0;
  #listening = false;
  /** Milliseconds of plain passes since the last look. */
  readonly #passes = new Float64Array(PASSES);
  #passCount = 0;
  /** What the last round did, rounds that it may be done again without another look, and rounds since a plain pass. */
  #last: Choice = PLAIN;
  #keep = 0;
  #sincePlain = 0;

  /** @throws UsageError for sizes that are not 2..64, or a tolerance that is not in 0..1. */
  constructor(options: GuardOptions) {
    const { drafters, sizes, tolerance = 0.015, costs = new GuardCosts(), logitShare = 0 } = options;
    for (const size of sizes) {
      if (!Number.isInteger(size) || size < 2 || size > MAX_TREE_NODES)
        throw new UsageError(`must be whole numbers from 2 to ${MAX_TREE_NODES}`, { field: "sizes", limit: MAX_TREE_NODES });
    }
    if (!(tolerance >= 0 && tolerance <= 1)) throw new UsageError("must be a number from 0 to 1", { field: "tolerance" });
    this.#tolerance = tolerance;
    this.#logitShare = logitShare;
    this.#seen = costs.plain > 0 ? 1 : 0;
    this.#costs = costs;
    this.#account = new Account(costs.credit(tolerance));
    this.#arms = drafters.flatMap((drafter) =>
      [...sizes]
        .sort((a, b) => a - b)
        .map((nodes): Arm => {
          const { cost, depth } = drafter.plan(nodes);
          return { choice: { drafter, nodes }, costs: costs.drafter(drafter.name), planned: cost, depth };
        }),
    );
  }

  get lossShare(): number {
    return this.#account.lossShare;
  }

  get rest(): number {
    return this.#rest;
  }

  get listening(): boolean {
    return this.#listening;
  }

  begin(ms: number, steps: Float64Array): void {
    this.#account.add(ms, ms);
    this.#passCount = Math.min(steps.length, PASSES);
    this.#passes.set(steps.subarray(0, this.#passCount));
  }

  choose(maxNodes: number): Choice {
    if (this.#rest > 0) {
      this.#rest--;
      return PLAIN;
    }
    this.#look();
    if (this.#sincePlain >= CHECK_PLAIN) return PLAIN;
    if (!(this.#costs.plain > 0)) {
      this.#rest = FIRST_REST - 1;
      return PLAIN;
    }
    const choice = this.#best(maxNodes);
    this.#looked = choice === PLAIN;
    if (choice !== this.#last) this.#keep = KEEP;
    this.#last = choice;
    return choice;
  }

  recordPlain(ms: number): void {
    this.#account.add(ms, ms);
    this.#costs.rest(ms, 1);
    this.#passes[this.#passCount++ % PASSES] = ms;
  }

  overhead(ms: number): void {
    this.#account.add(ms, 0);
    if (this.#looked) this.#costs.addLook(ms);
    this.#looked = false;
  }

  record({ drafter, nodes }: Choice, { draftMs, verifyMs, arrears, rows, depth, tokens }: Outcome): void {
    const costs = this.#costs;
    const { plain } = costs;
    const lost = draftMs + verifyMs - tokens * plain;
    // Looking for a draft in vain is not free either.
    this.#account.add(draftMs + verifyMs, tokens * plain);
    costs.total += draftMs + verifyMs;
    costs.addLoss(lost);
    costs.addWin(-this.#account.lost, this.#account.spent);
    if (lost > 0) this.#keep = 0;
    // A chunk that is much faster than it was: plain passes may be, too.
    this.#sincePlain = rows > 1 && verifyMs < SURPRISE * costs.expected(rows) ? CHECK_PLAIN : this.#sincePlain + 1;
    costs.addChunk(rows, verifyMs);
    costs.tick(1);
    if (drafter === undefined) return;
    const own = costs.drafter(drafter.name);
    const planned = (drafter.plan(nodes).cost + arrears) * plain;
    own.addProposal(draftMs / planned);
    if (rows === 1) return;
    const hoped = hopedTokens(own, nodes, drafter.prior, depth) - 1;
    if (hoped > 0) own.recent.add((tokens - 1) / hoped, hoped);
    own.yields[nodes]!.add(tokens);
    if (tokens > 1) own.accepted.add(1, tokens - 1);
    if (tokens <= depth) own.accepted.add(0);
  }

  observe(rows: number, ms: number): void {
    // The first chunk of a process runs code that is not compiled yet: it tells nothing.
    if (rows > 1 && this.#seen++ > 0) this.#observed.push({ rows, ms });
  }

  giveUp(drafter: Drafter): boolean {
    this.#arms = this.#arms.filter(({ choice }) => choice.drafter !== drafter);
    this.#last = PLAIN;
    return true;
  }

  /** Takes note of the plain passes since the last look. */
  #look(): void {
    const costs = this.#costs;
    const count = Math.min(this.#passCount, PASSES);
    if (count === 0) return;
    costs.addPlain(this.#passes.subarray(0, count).sort()[count >> 1]!, count);
    costs.tick(costs.idle);
    costs.idle = 0;
    this.#passCount = 0;
    this.#sincePlain = 0;
    for (const { rows, ms } of this.#observed) costs.addChunk(rows, ms + (rows - 1) * this.#logitShare * costs.plain);
    this.#observed = [];
  }

  /** The best choice that is affordable; where it is none, it is settled how long that holds. */
  #best(maxNodes: number): Choice {
    const costs = this.#costs;
    const { plain } = costs;
    const tolerance = this.#tolerance / (1 + Math.max(0, costs.debt) / DEBT_HALF);
    let best = PLAIN;
    let bestSpeed = (this.#last === PLAIN ? CLEAR : 1) / plain;
    let wait = Infinity;
    let listen = false;
    for (const arm of this.#keep > 0 && this.#last !== PLAIN ? this.#arms.filter(({ choice }) => choice === this.#last) : this.#arms) {
      const { drafter, nodes } = arm.choice;
      if (nodes > maxNodes || (arm.costs.cold && !costs.mayBeCold)) continue;
      const { ratio } = arm.costs;
      const speed = expectedTokens(arm) / ((ratio.known ? ratio.value : 1) * plain * arm.planned + costs.expected(nodes));
      if (speed <= bestSpeed) continue;
      const planned = plain * (arm.planned + drafter.arrears);
      const most = (ratio.known ? ratio.most : UNKNOWN_RATIO) * planned + costs.most(nodes);
      const ms = this.#account.wait(most, Math.max(0, most - plain), tolerance);
      wait = Math.min(wait, ms);
      if (ms > 0) continue;
      if (drafter.ready === false) {
        listen = true;
        continue;
      }
      best = arm.choice;
      bestSpeed = speed;
    }
    this.#listening = listen || best !== PLAIN;
    if (!this.#drafted && wait < Infinity) costs.needed = this.#account.spent + wait;
    if (best !== PLAIN) {
      this.#drafted = true;
      this.#keep--;
      return best;
    }
    // Who is told something, or can afford something before long, is worth another look; where nothing pays, it may take long.
    if (listen) this.#rest = LISTEN - 1;
    else if (wait < Infinity) this.#rest = Math.max(costs.pause, Math.min(Math.ceil(wait / plain), PASSES)) - 1;
    else {
      this.#rest = Math.max(costs.pause, costs.patience) - 1;
      costs.patience = Math.min(LONG_REST, 2 * costs.patience);
    }
    return PLAIN;
  }
}
