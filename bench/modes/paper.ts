import type { RoutingTargets } from "./routing.ts";

// Numbers of the BlockFFN paper (arXiv 2507.08771) that simulated runs are fitted to.

const MEDIUM: RoutingTargets = { tls: 0.8425, reuse: 0.8969, chunk: { length: 8, sparsity: 0.7587 } };

/**
 * Table 2 and section 4: TLS, reuse ratio, CLS_8; of the 2.8B model table 6: 1 - TLS and 1 - CLS over trees of 32 nodes. The last
 * is not the paper's: blockffn-nano as `blockffn eval` measures it, to hold the simulation against the real model.
 */
export const ROUTING: Readonly<Record<string, RoutingTargets>> = {
  Small: { tls: 0.8054, reuse: 0.9028, chunk: { length: 8, sparsity: 0.7138 } },
  Medium: MEDIUM,
  "Medium-32k": MEDIUM,
  Large: { tls: 0.8405, reuse: 0.8713, chunk: { length: 8, sparsity: 0.7379 } },
  XLarge: { tls: 0.8181, reuse: 0.8957, chunk: { length: 8, sparsity: 0.7278 } },
  // Its reuse ratio is not published: the mean of the four others.
  "2.8B": { tls: 1 - 0.1245, reuse: 0.8917, chunk: { length: 32, sparsity: 1 - 0.3086 } },
  nano: { tls: 0.7483, reuse: 0.9712, chunk: { length: 8, sparsity: 0.7083 } },
};

/** Table 6: mean accept length of EAGLE-2 with 32-node trees, by task of Spec-Bench, and over all. */
export const ACCEPT_LENGTHS: Readonly<Record<string, number>> = {
  conversation: 2.73,
  translation: 2.17,
  summarization: 2.38,
  qa: 2.67,
  math_reasoning: 2.83,
  rag: 2.57,
};
export const MEAN_ACCEPT_LENGTH = 2.66;
/** Nodes of the trees that these were measured with. */
export const ACCEPT_NODES = 32;
