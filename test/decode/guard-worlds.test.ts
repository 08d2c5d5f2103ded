import { describe, expect, it } from "vitest";
import { GuardCosts } from "../../src/decode/guard/costs.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { fake, linear, live, type Life, type World } from "../helpers/guard-world.ts";

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);
const ROUNDS = 1500;
const LIMIT = 1.02;

/** Uniform noise of a share to both sides; `pauses`: one of a hundred rounds takes five times as long. */
function noisy(seed: number, share: number, pauses = false): Pick<World, "noise" | "average"> {
  const random = createRandom(seed + 1000);
  const factors = Array.from({ length: ROUNDS }, () => (pauses && random.float() < 0.01 ? 5 : 1 - share + 2 * share * random.float()));
  return { noise: (round) => factors[round]!, average: factors.reduce((sum, factor) => sum + factor, 0) / ROUNDS };
}

/** Accepted well for 50 rounds of 300. */
const bursts = (round: number): number => (round % 300 < 50 ? 0.9 : 0.02);

const WORLDS: Record<string, (seed: number) => Omit<World, "rounds">> = {
  "no draft is accepted": () => ({ cost: linear(0.5), accept: () => 0 }),
  "no draft is accepted, and rows are cheap": () => ({ cost: linear(0.1), accept: () => 0 }),
  "a guess now and then, never accepted": () => ({
    cost: linear(0.3),
    accept: () => 0,
    guess: (round) => round % 7 === 0,
    draft: () => 0.5,
  }),
  "looking for a guess takes time, and there is none": () => ({ cost: linear(0.3), accept: () => 0, guess: () => false, draft: () => 1 }),
  bursts: () => ({ cost: linear(0.4), accept: bursts }),
  "some are accepted, about what they cost": () => ({ cost: linear(0.6), accept: () => 0.6 }),
  "rows become dear": () => ({ cost: (rows, round) => linear(round < 700 ? 0.2 : 0.9)(rows), accept: () => 0.5 }),
  "drafting becomes dear": () => ({ cost: linear(0.2), accept: () => 0.5, draft: () => 6, drafters: [fake("d", 0.1, 0.7)] }),
  "the machine becomes faster for plain passes alone": () => ({
    cost: (rows, round) => (rows === 1 && round > 700 ? 0.8 : 1) * linear(0.25)(rows),
    accept: () => 0.4,
  }),
  "the machine becomes faster and slower": () => ({
    cost: (rows, round) => (Math.floor(round / 250) % 2 === 0 ? 1 : 0.5) * linear(0.45)(rows),
    accept: () => 0.45,
  }),
  "the context grows": () => ({ cost: (rows, round) => linear(0.3)(rows) * (1 + round / 500), accept: () => 0.2 }),
  "plain steps have upkeep": () => ({ cost: linear(0.4), accept: () => 0.1, upkeep: 0.05 }),
};

/** Lives of a world with all seeds. */
const lives = (name: string, more: (seed: number) => Partial<World> = () => ({})): Life[] =>
  SEEDS.map((seed) => live({ ...WORLDS[name]!(seed), rounds: ROUNDS, seed, ...more(seed) }));

const most = (all: readonly Life[], of: (life: Life) => number): number => Math.max(...all.map(of));

describe.each(Object.keys(WORLDS))("a guard where %s", (name) => {
  it("never loses more than 2 %, at no time", () => {
    expect(most(lives(name), ({ worst }) => worst)).toBeLessThan(LIMIT);
  });

  it("nor with a clock that is noisy", () => {
    expect(
      most(
        lives(name, (seed) => noisy(seed, 0.1)),
        ({ ratio }) => ratio,
      ),
    ).toBeLessThan(LIMIT);
    expect(
      most(
        lives(name, (seed) => noisy(seed, 0.3)),
        ({ ratio }) => ratio,
      ),
    ).toBeLessThan(1.03);
    expect(
      most(
        lives(name, (seed) => noisy(seed, 0.1, true)),
        ({ ratio }) => ratio,
      ),
    ).toBeLessThan(1.03);
  });

  it("nor in any of many generations that share what was measured", () => {
    for (const seed of SEEDS.slice(0, 5)) {
      const costs = new GuardCosts();
      for (let generation = 0; generation < 10; generation++) {
        const { worst, ratio } = live({ ...WORLDS[name]!(seed), rounds: 200, seed: seed * 100 + generation, costs });
        expect(worst).toBeLessThan(LIMIT);
        // With the credit.
        expect(ratio).toBeLessThan(1.025);
      }
    }
  });
});

describe("the budget", () => {
  /** A generation without any accepted draft, after others where all were accepted. */
  const spoilt = (seed: number, tolerance?: number): Life => {
    const costs = new GuardCosts();
    for (let i = 0; i < 5; i++) live({ cost: linear(0.2), accept: () => 1, rounds: 200, seed, costs });
    return live({ cost: linear(0.2), accept: () => 0, rounds: 200, seed, costs, ...(tolerance !== undefined && { tolerance }) });
  };

  it("holds after the best of experiences, and is what holds it", () => {
    expect(spoilt(1).worst).toBeLessThan(LIMIT);
    expect(spoilt(1).ratio).toBeLessThan(1.025);
    expect(spoilt(1, 1).worst).toBeGreaterThan(1.5);
  });

  it("counts what plain steps take beside the pass: who spends all of it there has nothing left for drafts", () => {
    const drafts = (upkeep: number): number =>
      live({ cost: linear(0.1), accept: () => 1, rounds: 600, upkeep }).sizes.filter((size) => size > 1).length;
    expect(drafts(0.2)).toBe(0);
    expect(drafts(0.01)).toBeGreaterThan(300);
  });

  it("is smaller for who lost in the long run", () => {
    const start = (debt: number): number => {
      const costs = new GuardCosts();
      Object.assign(costs, { debt, total: 10_000, plain: 10 });
      return live({ cost: linear(0.1), accept: () => 0.8, rounds: 600, costs }).sizes.findIndex((size) => size > 1);
    };
    expect(start(0)).toBeGreaterThan(0);
    expect(start(12)).toBeGreaterThan(2.5 * start(0));
  });

  it("is spent less and less while drafts go on failing", () => {
    const costs = new GuardCosts();
    const generations = Array.from({ length: 30 }, (_, i) => live({ cost: linear(0.3), accept: () => 0, rounds: 400, seed: i, costs }));
    const mean = (some: readonly Life[]): number => some.reduce((sum, { ratio }) => sum + ratio, 0) / some.length;
    expect(mean(generations.slice(20))).toBeLessThan(1.005);
  });
});

describe("good drafts", () => {
  it.each([
    [0.9, 0.1],
    [0.8, 0.2],
    [0.7, 0.1],
    [0.8, 0.4],
  ])("bring most of their gain: acceptance %d, row %d, a noisy clock", (p, row) => {
    const best = Math.max(...[2, 4, 8, 16, 32, 64].map((size) => (10 * (1 - p ** size)) / (1 - p) / linear(row)(size)));
    const gains = SEEDS.map((seed) => 1 / live({ cost: linear(row), accept: () => p, rounds: ROUNDS, seed, ...noisy(seed, 0.1) }).ratio);
    const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
    expect((mean - 1) / (best - 1)).toBeGreaterThan(0.7);
  });

  it("are used in bursts", () => {
    const gains = SEEDS.map((seed) => 1 / live({ cost: linear(0.1), accept: bursts, rounds: ROUNDS, seed }).ratio);
    // Used from the first to the last round of each burst they would bring a factor of about 1.6.
    expect(gains.reduce((sum, gain) => sum + gain, 0) / gains.length).toBeGreaterThan(1.15);
  });

  it("are used in the next generation as soon as their failure is affordable", () => {
    const costs = new GuardCosts();
    const world = { cost: linear(0.1), accept: () => 0.8, costs };
    const first = live({ ...world, rounds: 600 });
    const second = live({ ...world, rounds: 200, seed: 2 });
    const start = ({ sizes }: Life): number => sizes.findIndex((size) => size > 1);
    expect(start(second)).toBeLessThan(start(first));
    expect(start(second)).toBeLessThan(25);
  });

  it("are used at once after a generation that won by them, and not after one that lost by them", () => {
    const costs = new GuardCosts();
    const start = (accept: number): number =>
      live({ cost: linear(0.3), accept: () => accept, rounds: 300, costs }).sizes.findIndex((size) => size > 1);
    expect(start(0.8)).toBeGreaterThan(20);
    expect(start(0)).toBeLessThan(2);
    expect(start(0.8)).toBeGreaterThan(10);
    expect(start(0.8)).toBeLessThan(2);
  });
});
