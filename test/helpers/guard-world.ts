import type { Drafter } from "../../src/decode/drafters/drafter.ts";
import { CostGuard } from "../../src/decode/guard/guard.ts";
import type { GuardCosts } from "../../src/decode/guard/costs.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";

export const PLAIN_MS = 10;

/** A drafter as the guard sees it; what it really takes and brings is the world's. */
export function fake(name: string, planned = 0, prior = 0.5): Drafter {
  const never = (): never => {
    throw new Error("the guard does not draft");
  };
  return {
    name,
    nodes: 8,
    prior,
    arrears: 0,
    plan: (nodes) => ({ cost: planned, depth: nodes - 1 }),
    accept: never,
    propose: never,
    reset: never,
    dispose: never,
  };
}

export interface World {
  /** Milliseconds of a chunk, on the average. */
  cost(rows: number, round: number): number;
  /** Probability that a drafted token is accepted. */
  accept(round: number, drafter: string): number;
  /** Milliseconds of a proposal; default 0. */
  draft?(drafter: string, nodes: number): number;
  /** Whether the drafter has a guess. */
  guess?(round: number): boolean;
  /** What the machine makes of a round's time: a factor; `average` is its mean over rounds. Default 1. */
  noise?(round: number): number;
  readonly average?: number;
  /** What a plain step takes beside the pass, in milliseconds; default 0. */
  readonly upkeep?: number;
  readonly drafters?: readonly Drafter[];
  readonly costs?: GuardCosts;
  readonly tolerance?: number;
  readonly rounds: number;
  readonly seed?: number;
}

export interface Life {
  /** Time spent over the time of plain decoding for the same tokens. */
  readonly ratio: number;
  /** Largest such ratio at any time after the first 20 rounds, less the credit that the generation before left. */
  readonly worst: number;
  readonly sizes: readonly number[];
  /** Drafter of each round; "" for plain steps. */
  readonly names: readonly string[];
  /** The guard's own account at the end. */
  readonly lossShare: number;
}

const SIZES = [2, 4, 8, 16, 32, 64];

/** Runs a guard in a world with its own clock. Plain decoding takes cost(1) a token at the same round, and the average of the noise. */
export function live(world: World): Life {
  const { drafters = [fake("d")], costs, tolerance, rounds, seed = 1, noise = () => 1, average = 1, upkeep = 0 } = world;
  const random = createRandom(seed);
  const credit = costs?.credit(tolerance ?? 0.015) ?? 0;
  let clock = 0;
  let plain = 0;
  let worst = 0;
  const sizes: number[] = [];
  const names: string[] = [];
  const guard = new CostGuard({
    drafters,
    sizes: SIZES,
    ...(costs !== undefined && { costs }),
    ...(tolerance !== undefined && { tolerance }),
  });
  for (let round = 0; round < rounds; round++) {
    const choice = guard.choose(64);
    const name = choice.drafter?.name ?? "";
    sizes.push(choice.nodes);
    names.push(name);
    const rows = world.guess?.(round) === false ? 1 : choice.nodes;
    let tokens = 1;
    while (tokens < rows && random.float() < world.accept(round, name)) tokens++;
    const draftMs = name === "" ? 0 : (world.draft?.(name, choice.nodes) ?? 0) * noise(round);
    const verifyMs = world.cost(rows, round) * noise(round);
    clock += draftMs + verifyMs;
    plain += tokens * world.cost(1, round) * average;
    if (choice.nodes === 1) {
      guard.recordPlain(verifyMs);
      clock += upkeep;
      guard.overhead(upkeep);
    } else guard.record(choice, { draftMs, verifyMs, arrears: 0, rows, depth: rows - 1, tokens });
    if (round >= 20) worst = Math.max(worst, (clock - credit) / plain);
  }
  return { ratio: clock / plain, worst, sizes, names, lossShare: guard.lossShare };
}

export const share = <T>(values: readonly T[], test: (value: T) => boolean): number => values.filter(test).length / values.length;
/** A pass, and `row` of one for each further row. */
export const linear =
  (row: number) =>
  (rows: number): number =>
    PLAIN_MS * (1 + row * (rows - 1));
