import { countUniqueExperts } from "../../sparsity/union.ts";
import type { SpeculationDecisions, SpeculationResult } from "../generation.ts";
import type { GuardCosts } from "../guard/costs.ts";
import type { Choice, Outcome } from "../guard/policy.ts";
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

/** Plain steps: how many, their milliseconds, and active experts over all layers. */
export interface PlainSteps {
  readonly count: number;
  readonly ms: number;
  readonly experts: number;
}

/** Counts what the rounds of a generation did, but for plain steps. */
export class SpeculativeStats {
  readonly #allLayers: number;
  /** Layers with experts. */
  readonly #layers: number;
  #confirmed = 0;
  #drafted = 0;
  /** Rounds, milliseconds and experts (over all layers) by rows of the chunk; 1 row: of rounds without a draft. */
  #chunks = NO_COUNTS;
  #ms = NO_SUMS;
  #experts = NO_SUMS;
  readonly #drafters = new Map<string, DrafterStats>();

  /** @param layers of the model @param withExperts those that have experts, 0 for none */
  constructor(layers: number, withExperts: number) {
    this.#allLayers = layers;
    this.#layers = withExperts;
  }

  /** A chunk of a round ran; `activeExperts` as ForwardResult has them. */
  chunk(rows: number, activeExperts: Uint32Array): void {
    if (this.#chunks.length === 0) {
      this.#chunks = new Uint32Array(MAX_TREE_NODES + 1);
      this.#ms = new Float64Array(MAX_TREE_NODES + 1);
      this.#experts = new Float64Array(MAX_TREE_NODES + 1);
    }
    this.#chunks[rows]!++;
    if (this.#layers > 0) this.#experts[rows]! += countUniqueExperts(activeExperts, this.#allLayers, rows);
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
  result(plain: PlainSteps, costs?: GuardCosts, lossShare?: number): SpeculationResult {
    const account = lossShare === undefined ? {} : { lossShare };
    if (this.#chunks.length === 0 && plain.count > 0) return plainResult(plain, this.#layers, costs, account);
    const rounds = plain.count + this.#chunks.reduce((a, b) => a + b, 0);
    const confirmed = plain.count + this.#confirmed;
    const mean = (sum: number): number | null => (rounds === 0 ? null : sum / rounds);
    return {
      rounds,
      acceptLength: mean(confirmed),
      draftedTokens: this.#drafted,
      acceptedTokens: confirmed - rounds,
      expertsPerChunk: this.#layers === 0 ? null : mean(this.#experts.reduce((a, b) => a + b, plain.experts) / this.#layers),
      decisions: { ...this.#decisions(plain, costs), ...account },
    };
  }

  #decisions(plain: PlainSteps, costs: GuardCosts | undefined): SpeculationDecisions {
    const off = plain.count === 0 ? {} : { off: { 1: plain.count } };
    const each = <T>(value: (stats: DrafterStats) => T | undefined): Record<string, T> =>
      Object.fromEntries(
        [...this.#drafters].flatMap(([name, stats]) => {
          const found = value(stats);
          return found === undefined ? [] : [[name, found]];
        }),
      );
    /** Means by rows of a chunk; a plain step is a chunk of one. */
    const byRows = (sums: Float64Array, ofPlain: number, per: number): Record<number, number> => {
      const ones = plain.count + (this.#chunks[1] ?? 0);
      const one = ones === 0 ? {} : { 1: (ofPlain + (sums[1] ?? 0)) / ones / per };
      return { ...one, ...bySize(this.#chunks, (count, rows) => (rows === 1 ? undefined : sums[rows]! / count / per)) };
    };
    return {
      rounds: { ...off, ...each(({ rounds }) => bySize(rounds, (count) => count)) },
      chunkMs: { ...byRows(this.#ms, plain.ms, 1), ...costs?.measured() },
      draftMs: each(({ ms, rounds }) => ms / rounds.reduce((a, b) => a + b, 0)),
      acceptance: each(({ accepted, refused }) => (accepted + refused === 0 ? undefined : accepted / (accepted + refused))),
      expertsPerChunk: this.#layers === 0 ? null : byRows(this.#experts, plain.experts, this.#layers),
    };
  }
}

/** The same for plain steps alone: a short answer without drafts is not to pay for the rest. */
function plainResult(
  { count, ms, experts }: PlainSteps,
  layers: number,
  costs: GuardCosts | undefined,
  account: { readonly lossShare?: number },
): SpeculationResult {
  const each = layers === 0 ? null : experts / count / layers;
  return {
    rounds: count,
    acceptLength: 1,
    draftedTokens: 0,
    acceptedTokens: 0,
    expertsPerChunk: each,
    decisions: {
      rounds: { off: { 1: count } },
      chunkMs: costs !== undefined && costs.plain > 0 ? costs.measured() : { 1: ms / count },
      draftMs: {},
      acceptance: {},
      expertsPerChunk: each === null ? null : { 1: each },
      ...account,
    },
  };
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
