import type { Tier } from "../../src/host.ts";

/** How a modes run measures. */
export interface RunSettings {
  readonly tier: Tier;
  readonly threads: number;
  /** Nodes of the draft trees to try, root included. */
  readonly sizes: readonly number[];
  /** Alternating rounds; their median counts. */
  readonly rounds: number;
  /** Least milliseconds that a mode runs for in a round. */
  readonly minMs: number;
  readonly onProgress: (what: string) => void;
}
