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

const NO_COUNTS = new Uint32Array(0);
const NO_SUMS = new Float64Array(0);

/** Counts what the rounds of a generation did. Nothing is allocated for plain steps. */
export class SpeculativeStats {
  readonly #layers: number;
  #confirmed = 0;
  #drafted = 0;
  /** Rounds, milliseconds and experts (over all layers) by rows of the chunk; 1 row: of rounds without a draft. */
  #chunks = NO_COUNTS;
  #ms = NO_SUMS;
  #experts = NO_SUMS;
  readonly #drafters = new Map<string, DrafterStats>();
  #plainSteps = 0;
  #plainMs = 0;
  #plainExperts = 0;

  /** @param layers 0 for models without experts */
  constructor(layers: number) {
    this.#layers = layers;
  }

  get plainMs(): number {
    return this.#plainMs;
  }

  /** A chunk of a round ran; `activeExperts` as ForwardResult has them. */
  chunk(rows: number, activeExperts: Uint32Array): void {
    if (this.#chunks.length === 0) {
      this.#chunks = new Uint32Array(MAX_TREE_NODES + 1);
      this.#ms = new Float64Array(MAX_TREE_NODES + 1);
      this.#experts = new Float64Array(MAX_TREE_NODES + 1);
    }
    this.#chunks[rows]!++;
    if (this.#layers > 0) this.#experts[rows]! += countUniqueExperts(activeExperts, this.#layers, rows);
  }

  /** A plain step was done, with so many active experts over all layers. */
  plain(ms: number, experts: number): void {
    this.#plainSteps++;
    this.#plainMs += ms;
    this.#plainExperts += experts;
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

  /** @param costs what a guard has measured @param lossShare as it accounts for it */
  result(costs?: GuardCosts, lossShare?: number): SpeculationResult {
    if (this.#chunks.length === 0 && this.#plainSteps > 0) return this.#plainResult(costs, lossShare);
    const rounds = this.#plainSteps + this.#chunks.reduce((a, b) => a + b, 0);
    const confirmed = this.#plainSteps + this.#confirmed;
    const mean = (sum: number): number | null => (rounds === 0 ? null : sum / rounds);
    return {
      rounds,
      acceptLength: mean(confirmed),
      draftedTokens: this.#drafted,
      acceptedTokens: confirmed - rounds,
      expertsPerChunk: this.#layers === 0 ? null : mean(this.#experts.reduce((a, b) => a + b, this.#plainExperts) / this.#layers),
      decisions: { ...this.#decisions(costs), ...(lossShare !== undefined && { lossShare }) },
    };
  }

  /** The same for plain steps alone: an answer without drafts is not to pay for the rest. */
  #plainResult(costs: GuardCosts | undefined, lossShare: number | undefined): SpeculationResult {
    const rounds = this.#plainSteps;
    const experts = this.#layers === 0 ? null : this.#plainExperts / rounds / this.#layers;
    return {
      rounds, acceptLength: 1, draftedTokens: 0, acceptedTokens: 0, expertsPerChunk: experts,
      decisions: {
        rounds: { off: { 1: rounds } }, chunkMs: costs !== undefined && costs.plain > 0 ? costs.measured() : { 1: this.#plainMs / rounds }, draftMs: {}, acceptance: {},
        expertsPerChunk: experts === null ? null : { 1: experts }, ...(lossShare !== undefined && { lossShare }),
      },
    };
  }

  #decisions(costs: GuardCosts | undefined): SpeculationDecisions {
    const off = this.#plainSteps === 0 ? {} : { off: { 1: this.#plainSteps } };
    const each = <T>(value: (stats: DrafterStats) => T | undefined): Record<string, T> =>
      Object.fromEntries([...this.#drafters].flatMap(([name, stats]) => {
        const found = value(stats);
        return found === undefined ? [] : [[name, found]];
      }));
    return {
      rounds: { ...off, ...each(({ rounds }) => bySize(rounds, (count) => count)) },
      chunkMs: { ...this.#byRows(this.#ms, this.#plainMs), ...costs?.measured() },
      draftMs: each(({ ms, rounds }) => ms / rounds.reduce((a, b) => a + b, 0)),
      acceptance: each(({ accepted, refused }) => (accepted + refused === 0 ? undefined : accepted / (accepted + refused))),
      expertsPerChunk: this.#layers === 0 ? null : this.#byRows(this.#experts, this.#plainExperts, this.#layers),
    };
  }

  /** Means by rows of a chunk of sums, over `of`. */
  #byRows(sums: Float64Array, plain: number, of = 1): Record<number, number> {
    const ones = this.#plainSteps + (this.#chunks[1] ?? 0);
    const one = ones === 0 ? {} : { 1: (plain + (sums[1] ?? 0)) / ones / of };
    return { ...one, ...bySize(this.#chunks, (count, rows) => (rows === 1 ? undefined : sums[rows]! / count / of)) };
  }
}

/** Values of the sizes that occurred. */
function bySize(counts: Uint32Array, value: (count: number, size: number) => number | undefined): Record<number, number> {
  const out: Record<number, number> = {};
  counts.forEach((count, size) => {
    const found = count > 0 ? value(count, size) : undefined;
    if (found !== undefined) out[size] = found;
  });
  return out;
}
