import { describe, expect, it } from "vitest";
import { CostGuard } from "../../src/decode/guard.ts";
import { createRandom } from "../../src/decode/rng.ts";

interface World {
  /** Milliseconds of a chunk. */
  cost(rows: number, round: number): number;
  /** Probability that a drafted token is accepted. */
  accept(round: number): number;
  /** Whether the drafter has a guess. */
  guess?(round: number): boolean;
  readonly rounds: number;
  readonly seed?: number;
}

interface Outcome {
  /** Time spent over the time of plain decoding for the same tokens. */
  readonly ratio: number;
  /** Largest such ratio at any time after the first 20 rounds. */
  readonly worst: number;
  readonly sizes: readonly number[];
}

/** Runs a guard in a world with its own clock. Plain decoding costs cost(1) a token at the same round. */
function live(world: World): Outcome {
  const random = createRandom(world.seed ?? 1);
  let clock = 0;
  let plain = 0;
  let worst = 0;
  const sizes: number[] = [];
  const guard = new CostGuard({ now: () => clock });
  for (let round = 0; round < world.rounds; round++) {
    const size = guard.choose(64);
    const rows = world.guess?.(round) === false ? 1 : size;
    let tokens = 1;
    while (tokens < rows && random.float() < world.accept(round)) tokens++;
    clock += world.cost(rows, round);
    plain += tokens * world.cost(1, round);
    guard.record(rows, rows - 1, tokens);
    sizes.push(size);
    if (round >= 20) worst = Math.max(worst, clock / plain);
  }
  return { ratio: clock / plain, worst, sizes };
}

const share = (sizes: readonly number[], test: (size: number) => boolean): number => sizes.filter(test).length / sizes.length;
const linear = (row: number) => (rows: number): number => 10 * (1 + row * (rows - 1));

describe("CostGuard", () => {
  it.each([0.05, 0.1, 0.3, 1])("settles on 1 when drafts are never accepted and a row costs %d of a pass, within 3 percent", (row) => {
    const { ratio, worst, sizes } = live({ cost: linear(row), accept: () => 0, rounds: 2000 });
    expect(worst).toBeLessThan(1.03);
    expect(ratio).toBeLessThan(1.03);
    expect(share(sizes.slice(200), (size) => size === 1)).toBeGreaterThan(0.85);
  });

  it("drafts as much as it may when all drafts are accepted", () => {
    const { ratio, sizes } = live({ cost: linear(0.1), accept: () => 1, rounds: 1000 });
    expect(share(sizes.slice(200), (size) => size === 64)).toBeGreaterThan(0.9);
    expect(ratio).toBeLessThan(0.15);
  });

  it.each([[0.8, 0.1], [0.6, 0.1], [0.7, 0.3], [0.5, 0.02]])("comes near the best size: acceptance %d, row %d", (p, row) => {
    const cost = linear(row);
    const { ratio, worst } = live({ cost, accept: () => p, rounds: 5000 });
    const speeds = [1, 2, 4, 8, 16, 32, 64].map((size) => (10 * (1 - p ** size)) / (1 - p) / cost(size));
    expect(1 / ratio).toBeGreaterThan(0.9 * Math.max(...speeds));
    expect(worst).toBeLessThan(1.03);
  });

  it("finds steps in the cost", () => {
    // Up to 4 rows cost as one, more cost as many.
    const { sizes } = live({ cost: (rows) => (rows <= 4 ? 10 : 10 * rows), accept: () => 0.7, rounds: 3000 });
    expect(share(sizes.slice(500), (size) => size === 4)).toBeGreaterThan(0.9);
  });

  it("does not draft where drafts cost more than they bring", () => {
    const { sizes, worst } = live({ cost: linear(1), accept: () => 0.6, rounds: 2000 });
    expect(share(sizes.slice(200), (size) => size === 1)).toBeGreaterThan(0.9);
    expect(worst).toBeLessThan(1.03);
  });

  it("follows a change, both ways", () => {
    const accept = (round: number): number => (Math.floor(round / 1000) % 2 === 0 ? 0 : 0.9);
    const { sizes, worst } = live({ cost: linear(0.1), accept, rounds: 4000 });
    expect(share(sizes.slice(1500, 2000), (size) => size >= 8)).toBeGreaterThan(0.8);
    expect(share(sizes.slice(2500, 3000), (size) => size === 1)).toBeGreaterThan(0.8);
    expect(share(sizes.slice(3500, 4000), (size) => size >= 8)).toBeGreaterThan(0.8);
    expect(worst).toBeLessThan(1.03);
  });

  it("stays within 3 % while the context grows and the clock is noisy", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const noise = createRandom(seed + 100);
      // Noise is the same for plain decoding: drawn once a round.
      const factors = Array.from({ length: 2000 }, () => (noise.float() < 0.01 ? 5 : 0.9 + 0.2 * noise.float()));
      const cost = (rows: number, round: number): number => (10 + round / 100) * (1 + 0.2 * (rows - 1)) * factors[round]!;
      const { ratio } = live({ cost, accept: () => 0.05, rounds: 2000, seed, guess: (round) => round % 3 !== 0 });
      expect(ratio).toBeLessThan(1.03);
    }
  });

  it("need not guess what it saw of the prompt", () => {
    const first = (rows: number): number => {
      let clock = 0;
      const guard = new CostGuard({ now: () => clock });
      // 32 rows of the prompt at the price of two passes.
      guard.observe(rows, 20);
      for (let round = 0; round < 100; round++) {
        if (guard.choose(64) > 1) return round;
        clock += 10;
        guard.record(1, 0, 1);
      }
      return 100;
    };
    expect(first(32)).toBeLessThan(5);
    // A longer chunk than any tree tells nothing: the loss may be a whole pass, which takes 50 to be 2 %.
    expect(first(65)).toBeGreaterThan(40);
  });

  it("does the same in the same world", () => {
    const world = { cost: linear(0.15), accept: () => 0.6, rounds: 500 };
    expect(live(world).sizes).toEqual(live(world).sizes);
  });

  it("starts plain, and stays so with a clock that stands still", () => {
    const guard = new CostGuard({ now: () => 5 });
    for (let i = 0; i < 100; i++) {
      expect(guard.choose(64)).toBe(1);
      guard.record(1, 0, 1);
    }
  });

  it("never asks for more nodes than there is room for", () => {
    let clock = 0;
    const guard = new CostGuard({ now: () => clock });
    for (let i = 0; i < 300; i++) {
      const room = 1 + (i % 5);
      const size = guard.choose(room);
      expect(size).toBeLessThanOrEqual(room);
      clock += 1;
      guard.record(size, size - 1, size);
    }
  });

  it.each([[{ sizes: [1] }], [{ sizes: [65] }], [{ sizes: [2.5] }], [{ tolerance: -1 }], [{ tolerance: NaN }]])("refuses %j", (options) => {
    expect(() => new CostGuard({ now: () => 0, ...options })).toThrow();
  });
});
