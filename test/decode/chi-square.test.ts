import { describe, expect, it, vi } from "vitest";
import type { Drafter, DraftTree } from "../../src/decode/drafters/drafter.ts";
import { Generation } from "../../src/decode/generation.ts";
import { resolveOptions } from "../../src/decode/options.ts";
import { FixedPolicy } from "../../src/decode/guard/policy.ts";
import { createSampler, type SamplerOptions } from "../../src/decode/sampling/sampler.ts";
import { SpeculativeRun } from "../../src/decode/speculative/speculative.ts";
import { loadModel } from "../../src/load/load.ts";
import type { LoadedModel } from "../../src/engine/types.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { testHost } from "../helpers/test-host.ts";

/** The usual mistake: where a draft is refused, the next token is drawn from p as it is, drafts included, instead of from what is left of p. */
const broken = vi.hoisted(() => ({ on: false }));
vi.mock(import("../../src/decode/speculative/verify.ts"), async (original) => {
  const right = await original();
  return {
    verifyTree: (tree, choose) =>
      right.verifyTree(tree, (node) => {
        const token = choose(node);
        return !broken.on || tree.parents.some((parent, i) => parent === node && tree.tokens[i] === token) ? token : choose(node);
      }),
  };
});

const DRAWS = 20_000;
/** Enough to find a broken verifier out. */
const BROKEN_DRAWS = 4000;
const LENGTH = 3;
const PROMPT = [1, 20, 40, 20];
const SETTINGS: readonly SamplerOptions[] = [
  { temperature: 2.5, topK: 5 },
  { temperature: 3, topK: 6, topP: 0.97, minP: 0.01, repetitionPenalty: 1.3 },
];

type Cells = Map<string, number>;

/** Probabilities of all continuations of LENGTH tokens, by plain forward calls, token by token. */
function exact(model: LoadedModel, settings: SamplerOptions): Cells {
  const sampler = createSampler(settings);
  let cells: Cells = new Map([["", 1]]);
  for (let depth = 0; depth < LENGTH; depth++) {
    const longer: Cells = new Map();
    for (const [key, probability] of cells) {
      const history = [...PROMPT, ...key.split(",").filter(Boolean).map(Number)];
      const sequence = model.newSequence({ capacity: 16 });
      const { ids, probs } = sampler.probabilities(sequence.forward(history).logits(0), history);
      ids.forEach((id, i) => longer.set(key === "" ? String(id) : `${key},${id}`, probability * probs[i]!));
      sequence.dispose();
    }
    cells = longer;
  }
  return cells;
}

/** Drafts what is likely, as a chain or a tree: fixed by the context, as all drafters' proposals are. */
class LikelyDrafter implements Drafter {
  readonly name = "likely";
  readonly nodes = 16;
  readonly prior = 0.5;
  readonly arrears = 0;
  readonly #likely: (context: string) => number[];
  readonly #branches: number;
  #tokens: number[] = [];

  constructor(likely: (context: string) => number[], branches: number) {
    this.#likely = likely;
    this.#branches = branches;
  }

  plan(): { cost: number; depth: number } {
    return { cost: 0, depth: LENGTH - 1 };
  }

  accept(tokens: ArrayLike<number>): void {
    this.#tokens.push(...Array.from(tokens));
  }

  propose(maxNodes: number): DraftTree {
    const tree = { tokens: [this.#tokens.at(-1)!], parents: [-1] };
    const paths = [this.#tokens.slice(PROMPT.length)];
    for (let node = 0; node < paths.length; node++) {
      for (const token of this.#likely(paths[node]!.join(",")).slice(0, this.#branches)) {
        if (tree.tokens.length === maxNodes) return tree;
        tree.tokens.push(token);
        tree.parents.push(node);
        paths.push([...paths[node]!, token]);
      }
    }
    return tree;
  }

  reset(): void {}

  dispose(): void {}
}

/** Next tokens after each context, likeliest first. */
function ranking(cells: Cells): (context: string) => number[] {
  const sums = new Map<string, Map<number, number>>();
  for (const [key, probability] of cells) {
    const tokens = key.split(",");
    for (let depth = 0; depth < tokens.length; depth++) {
      const context = tokens.slice(0, depth).join(",");
      const next = sums.get(context) ?? new Map<number, number>();
      next.set(Number(tokens[depth]), (next.get(Number(tokens[depth])) ?? 0) + probability);
      sums.set(context, next);
    }
  }
  return (context) => [...(sums.get(context) ?? [])].sort((a, b) => b[1] - a[1]).map(([token]) => token);
}

async function draw(
  model: LoadedModel,
  settings: SamplerOptions,
  drafter: () => Drafter,
  draws: number,
): Promise<{ counts: Cells; accepted: number }> {
  const counts: Cells = new Map();
  let accepted = 0;
  for (let seed = 1; seed <= draws; seed++) {
    const options = resolveOptions({ ...settings, seed, maxTokens: LENGTH + 2, ignoreEos: true, speculate: "ngram" });
    const run = new SpeculativeRun(model, undefined, Uint32Array.from(PROMPT), options, 96, () => {
      const d = drafter();
      return { drafters: [d], policy: new FixedPolicy(d) };
    });
    const { tokens, acceptedTokens } = await new Generation(run).result();
    const key = tokens.slice(0, LENGTH).join(",");
    counts.set(key, (counts.get(key) ?? 0) + 1);
    accepted += acceptedTokens!;
  }
  return { counts, accepted };
}

/** Pearson's statistic over cells of at least 5 expected draws (the others together are one), and its 0.999 quantile. */
function chiSquare(expected: Cells, counts: Cells, draws: number): { statistic: number; critical: number; cells: number } {
  let statistic = 0;
  let cells = 0;
  const add = (seen: number, want: number): void => {
    statistic += (seen - want) ** 2 / want;
    cells++;
  };
  let restSeen = 0;
  let rest = 0;
  for (const [key, probability] of expected) {
    const want = probability * draws;
    if (want >= 5) add(counts.get(key) ?? 0, want);
    else {
      rest += want;
      restSeen += counts.get(key) ?? 0;
    }
  }
  if (rest > 0) add(restSeen, rest);
  // Wilson and Hilferty's approximation (PNAS 17, 1931); 3.0902 is the normal quantile of 0.999.
  const df = cells - 1;
  return { statistic, critical: df * (1 - 2 / (9 * df) + 3.0902 * Math.sqrt(2 / (9 * df))) ** 3, cells };
}

describe.each([
  ["chain", 1],
  ["tree", 3],
] as const)("20,000 draws with drafts as a %s", (_, branches) => {
  it.each(SETTINGS)("%j: the distribution is the model's, and a broken verifier is found out", { timeout: 120_000 }, async (settings) => {
    const model = await loadModel(testHost, writeTinyModel(temporaryFolder(), "block", false), { tier: "simd" });
    const expected = exact(model, settings);
    const likely = ranking(expected);
    const drafter = (): Drafter => new LikelyDrafter(likely, branches);
    const right = await draw(model, settings, drafter, DRAWS);
    expect(right.accepted).toBeGreaterThan(DRAWS / 10);
    expect([...right.counts.keys()].every((key) => expected.has(key))).toBe(true);
    const { statistic, critical, cells } = chiSquare(expected, right.counts, DRAWS);
    expect(cells).toBeGreaterThan(20);
    expect(statistic).toBeLessThan(critical);
    broken.on = true;
    const wrong = chiSquare(expected, (await draw(model, settings, drafter, BROKEN_DRAWS)).counts, BROKEN_DRAWS);
    broken.on = false;
    expect(wrong.statistic).toBeGreaterThan(2 * wrong.critical);
    console.log(
      `${branches} branches, ${cells} cells: chi-square ${statistic.toFixed(1)}, broken ${wrong.statistic.toFixed(1)}, critical ${critical.toFixed(1)}; ${right.accepted} drafts accepted`,
    );
    model.dispose();
  });
});
