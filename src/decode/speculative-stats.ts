import { countUniqueExperts } from "../sparsity/union.ts";
import type { SpeculationDecisions, SpeculationResult } from "./generation.ts";
import type { GuardCosts } from "./guard-costs.ts";
import type { Choice, Outcome } from "./policy.ts";
import { MAX_TREE_NODES } from "./tree.ts";

/** Counts and sums of one drafter. */
class DrafterStats {
  readonly rounds = new Uint32Array(MAX_TREE_NODES + 1);
  ms = 0;
  accepted = 0;
  refused = 0;
}

/** Counts what the rounds of a generation did. Nothing is allocated for a plain step. */
export class SpeculativeStats {
  readonly #layers: number;
  readonly #costs: GuardCosts | undefined;
  #confirmed = 0;
  #drafted = 0;
  /** Rounds, milliseconds and experts (over all layers) by rows of the chunk. */
  readonly #chunks = new Uint32Array(MAX_TREE_NODES + 1);
  readonly #ms = new Float64Array(MAX_TREE_NODES + 1);
  readonly #experts = new Float64Array(MAX_TREE_NODES + 1);
  readonly #drafters = new Map<string, DrafterStats>();
  #plainSteps = 0;

  /** @param layers 0 for models without experts */
  constructor(layers: number, costs: GuardCosts | undefined) {
    this.#layers = layers;
    this.#costs = costs;
  }

  /** A chunk of a round ran; `activeExperts` as ForwardResult has them. */
  chunk(rows: number, activeExperts: Uint32Array): void {
    this.#chunks[rows]!++;
    if (this.#layers > 0) this.#experts[rows]! += countUniqueExperts(activeExperts, this.#layers, rows);
  }

  /** A plain step was done, with so many active experts over all layers. */
  plain(ms: number, experts: number): void {
    this.#chunks[1]!++;
    this.#plainSteps++;
    this.#confirmed++;
    this.#ms[1]! += ms;
    this.#experts[1]! += experts;
  }

  round({ drafter, nodes }: Choice, { draftMs, verifyMs, rows, depth, tokens }: Outcome): void {
    this.#confirmed += tokens;
    this.#drafted += rows - 1;
    this.#ms[rows]! += verifyMs;
    const name = drafter?.name ?? "off";
    let own = this.#drafters.get(name);
    if (own === undefined) this.#drafters.set(name, (own = new DrafterStats()));
    own.rounds[nodes]!++;
    own.ms += draftMs;
    own.accepted += tokens - 1;
    if (tokens <= depth) own.refused++;
  }

  /** @param lossShare as the policy accounts for it */
  result(lossShare?: number): SpeculationResult {
    const rounds = this.#chunks.reduce((a, b) => a + b, 0);
    const mean = (sum: number): number | null => (rounds === 0 ? null : sum / rounds);
    return {
      rounds,
      acceptLength: mean(this.#confirmed),
      draftedTokens: this.#drafted,
      acceptedTokens: this.#confirmed - rounds,
      expertsPerChunk: this.#layers === 0 ? null : mean(this.#experts.reduce((a, b) => a + b, 0) / this.#layers),
      decisions: { ...this.#decisions(), ...(lossShare !== undefined && { lossShare }) },
    };
  }

  #decisions(): SpeculationDecisions {
    const off = this.#plainSteps === 0 ? {} : { off: { 1: this.#plainSteps } };
    const each = <T>(value: (stats: DrafterStats) => T | undefined): Record<string, T> =>
      Object.fromEntries([...this.#drafters].flatMap(([name, stats]) => {
        const found = value(stats);
        return found === undefined ? [] : [[name, found]];
      }));
    return {
      rounds: { ...off, ...each(({ rounds }) => bySize(rounds, (count) => count)) },
      chunkMs: this.#costs?.measured() ?? bySize(this.#chunks, (count, rows) => this.#ms[rows]! / count),
      draftMs: each(({ ms, rounds }) => ms / rounds.reduce((a, b) => a + b, 0)),
      acceptance: each(({ accepted, refused }) => (accepted + refused === 0 ? undefined : accepted / (accepted + refused))),
      expertsPerChunk: this.#layers === 0 ? null : bySize(this.#chunks, (count, rows) => this.#experts[rows]! / count / this.#layers),
    };
  }
}

/** Values of the sizes that occurred. */
function bySize(counts: Uint32Array, value: (count: number, size: number) => number): Record<number, number> {
  const out: Record<number, number> = {};
  counts.forEach((count, size) => {
    if (count > 0) out[size] = value(count, size);
  });
  return out;
}
