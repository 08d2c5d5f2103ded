import { describe, expect, it } from "vitest";
import { CostGuard } from "../../src/decode/guard/guard.ts";
import { GuardCosts } from "../../src/decode/guard/costs.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { fake, linear, live, PLAIN_MS, share, type World } from "../helpers/guard-world.ts";

const ALL = [2, 4, 8, 16, 32, 64];

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

  it.each([
    [0.8, 0.1],
    [0.6, 0.1],
    [0.7, 0.3],
    [0.5, 0.02],
  ])("comes near the best size: acceptance %d, row %d", (p, row) => {
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

  it("counts the time of drafting, also where none was planned", () => {
    // The first time nobody can know: it is allowed for what was planned, and takes twenty times as much.
    const { ratio } = live({ cost: linear(0), accept: () => 0, draft: () => 2 * PLAIN_MS, drafters: [fake("slow", 0)], rounds: 2000 });
    expect(ratio).toBeLessThan(1.03);
  });

  it("forgets what a size cost long ago", () => {
    const costs = new GuardCosts();
    costs.addChunk(8, 100);
    expect(costs.measured()).toEqual({ 8: 100 });
    for (let i = 0; i < 4096; i++) costs.tick(1);
    expect(costs.measured()).toEqual({});
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
      const costs = new GuardCosts();
      costs.total = 10_000;
      const guard = new CostGuard({ drafters: [fake("d")], sizes: ALL, costs });
      // The first chunk of a process tells nothing; then 32 rows at the price of two passes.
      guard.observe(rows, 500);
      guard.observe(rows, 20);
      for (let round = 0; round < 100; round++) {
        if (guard.choose(64).nodes > 1) return round;
        guard.recordPlain(10);
      }
      return 100;
    };
    expect(first(32)).toBeLessThan(20);
    // A longer chunk than any tree tells nothing: the loss may be a whole pass, which takes 67 to be 1.5 %.
    expect(first(65)).toBeGreaterThan(40);
  });

  it("takes the drafter that brings more for its time", () => {
    const drafters = [fake("cheap"), fake("good", 0.2, 0.7), fake("dear", 0.5, 0.7)];
    const accept = (_: number, name: string): number => ({ cheap: 0.3, good: 0.8, dear: 0.85 })[name] ?? 0;
    const draft = (name: string): number => ({ cheap: 0.1, good: 2, dear: 15 })[name]!;
    const { names, worst } = live({ cost: linear(0.15), accept, draft, drafters, rounds: 2000 });
    expect(share(names.slice(500), (name) => name === "good")).toBeGreaterThan(0.9);
    expect(worst).toBeLessThan(1.03);
    const cheap = live({ cost: linear(0.15), accept: () => 0.8, draft, drafters, rounds: 2000 });
    expect(
      share(
        cheap.names.slice(500).filter((name) => name !== ""),
        (name) => name === "cheap",
      ),
    ).toBeGreaterThan(0.9);
  });

  it("does not draft where drafting takes what verifying saves", () => {
    const world: World = { cost: linear(0.5), accept: () => 0.7, draft: () => 5, drafters: [fake("d", 0.2, 0.7)], rounds: 2000 };
    const { sizes, worst } = live(world);
    expect(share(sizes.slice(200), (size) => size === 1)).toBeGreaterThan(0.85);
    expect(worst).toBeLessThan(1.03);
    const free = live({ ...world, draft: () => 0 });
    expect(share(free.sizes.slice(500), (size) => size > 1)).toBeGreaterThan(0.6);
    expect(free.ratio).toBeLessThan(0.95);
  });

  it("counts what a drafter had put off as a risk", () => {
    const idle = { ...fake("d"), arrears: 100 };
    const { sizes } = live({ cost: linear(0.1), accept: () => 1, drafters: [idle], rounds: 400 });
    // A hundred plain passes are 2 % of five thousand.
    expect(new Set(sizes)).toEqual(new Set([1]));
  });

  it("does the same in the same world", () => {
    const world = { cost: linear(0.15), accept: () => 0.6, rounds: 500 };
    expect(live(world).sizes).toEqual(live(world).sizes);
  });

  it("starts plain, and stays so with a clock that stands still", () => {
    const guard = new CostGuard({ drafters: [fake("d")], sizes: ALL });
    for (let i = 0; i < 100; i++) {
      expect(guard.choose(64).nodes).toBe(1);
      guard.recordPlain(0);
    }
  });

  it("does not choose who was given up", () => {
    const [first, second] = [fake("first", 0, 0.9), fake("second", 0.1, 0.9)];
    const guard = new CostGuard({ drafters: [first, second], sizes: ALL });
    const chosen = (rounds: number): Set<string> => {
      const names = new Set<string>();
      for (let i = 0; i < rounds; i++) {
        const choice = guard.choose(64);
        if (choice.drafter === undefined) guard.recordPlain(10);
        else
          guard.record(choice, { draftMs: 0, verifyMs: 10, arrears: 0, rows: choice.nodes, depth: choice.nodes - 1, tokens: choice.nodes });
        names.add(choice.drafter?.name ?? "");
      }
      return names;
    };
    expect(chosen(200)).toContain("first");
    expect(guard.giveUp(first)).toBe(true);
    expect(chosen(200)).not.toContain("first");
    expect(chosen(200)).toContain("second");
    guard.giveUp(second);
    expect(chosen(20)).toEqual(new Set([""]));
  });

  it("never asks for more nodes than there is room for", () => {
    const guard = new CostGuard({ drafters: [fake("d")], sizes: ALL });
    for (let i = 0; i < 300; i++) {
      const room = 1 + (i % 5);
      const choice = guard.choose(room);
      const { nodes } = choice;
      expect(nodes).toBeLessThanOrEqual(room);
      if (nodes === 1) guard.recordPlain(1);
      else guard.record(choice, { draftMs: 0, verifyMs: 1, arrears: 0, rows: nodes, depth: nodes - 1, tokens: nodes });
    }
  });

  it.each([[{ sizes: [1] }], [{ sizes: [65] }], [{ sizes: [2.5] }], [{ tolerance: -1 }], [{ tolerance: NaN }]])("refuses %j", (options) => {
    expect(() => new CostGuard({ drafters: [], sizes: ALL, ...options })).toThrow();
  });
});
