import type { Tier } from "../../src/host.ts";
import type { FfnMode } from "../../src/engine/types.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import type { FfnTimes } from "../ffn.ts";
import type { RoutingTargets } from "./routing.ts";

/** Rows of the paper's table 6, and the dense twin (one FFN as wide as all experts, no router). */
export type ModeName = "dense AR" | "dense + speculation" | "sparse, 1 token" | "sparse + speculation" | "dense twin AR";

/** Speed of one mode over some prompts. */
export interface Speed {
  readonly tokensPerSecond: number;
  /** Mean tokens a round; 1 without speculation. */
  readonly acceptLength: number;
  /** Over dense AR on the same prompts. */
  readonly speedup: number;
}

export interface ModeRow extends Speed {
  readonly mode: ModeName;
  readonly ffn: FfnMode;
  /** Nodes of a draft tree, root included; 1 without speculation. */
  readonly nodes: number;
  readonly drafter: string | null;
  /** Milliseconds of a round: the model's pass with verification, and drafting. */
  readonly passMs: number;
  /** Least and most of what was measured: far apart means that the machine was disturbed. Of real prompts, over the rounds. */
  readonly passRangeMs: readonly [number, number];
  readonly draftMs: number;
  /** The fastest row of its mode. */
  readonly best: boolean;
  /** Whether its tokens were those of dense AR; null where tokens are made up. */
  readonly identical: boolean | null;
  readonly categories: Readonly<Record<string, Speed>>;
}

/** How a run with synthetic weights was driven. Everything in it is simulated, and nothing else. */
export interface Simulation {
  readonly routing: RoutingTargets & { readonly measuredTls: number; readonly measuredReuse: number; readonly memory: number };
  /** Mean accept length that is assumed, by nodes, and the share of right first guesses that it stands for. */
  readonly acceptLengths: Readonly<Record<number, number>>;
  readonly firstGuess: number;
  /** Tokens of the drafter's vocabulary. */
  readonly draftVocab: number;
}

export interface ModelReport {
  readonly name: string;
  readonly quantization: Quantization;
  readonly tier: Tier;
  readonly threads: number;
  readonly weightBytes: number;
  /** null: real weights, real routing, real drafts. */
  readonly simulation: Simulation | null;
  /** Cache rows when decoding begins (synthetic), or mean prompt length. */
  readonly promptTokens: number;
  readonly prompts: number;
  /** null for models without experts. */
  readonly tls: number | null;
  readonly modes: readonly ModeRow[];
  readonly ffn: readonly FfnTimes[];
}

export interface ModesReport {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly version: string;
  readonly models: readonly ModelReport[];
}

/** Marks the fastest row of each mode. */
export function markBest(rows: readonly Omit<ModeRow, "best">[]): ModeRow[] {
  return rows.map((row) => ({
    ...row,
    best: rows.every((other) => other.mode !== row.mode || other.tokensPerSecond <= row.tokensPerSecond),
  }));
}
