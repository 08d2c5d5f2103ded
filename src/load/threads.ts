import { MAX_THREADS } from "../../core/layout/team.ts";
import { UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { WeightPlan } from "../../core/plan.ts";

/** Decoding reads weights: more cores than this share the memory bus without gain. */
const MOST_BY_DEFAULT = 8;
/**
 * Bytes of weights read for a token from which threads are the default: with 90 MB two threads were faster in every run, with 5 MB, where a
 * pass is shorter than a wake-up, in some runs only (bench/RESULTS.md, "Threads").
 */
export const WORTH_BYTES = 32 << 20;
/** Share of the experts that a token of a model with ReLU routing is taken to activate: half to a fifth are usual. */
const ACTIVE_SHARE = 0.25;

/**
 * Threads for a model: as asked for, or the physical cores where that was measured to be faster, else 1.
 * @throws UsageError for a number that is none, or more than 1 where the runtime has no threads.
 */
export function chooseThreads(host: Host, config: ModelConfig, plan: WeightPlan, asked: number | undefined): number {
  const { threads } = host;
  if (asked !== undefined) {
    if (!Number.isInteger(asked) || asked < 1 || asked > MAX_THREADS)
      throw new UsageError(`must be a whole number from 1 to ${MAX_THREADS}`, { field: "threads", limit: MAX_THREADS });
    if (asked > 1 && threads === undefined)
      throw new UsageError(host.threadless ?? "this runtime has no threads that share memory; leave it out, or say 1", {
        field: "threads",
        limit: 1,
      });
    return asked;
  }
  if (threads === undefined || bytesPerToken(config, plan) < WORTH_BYTES) return 1;
  return Math.max(1, Math.min(threads.cores, MOST_BY_DEFAULT));
}

/** Bytes of weights that decoding one token reads, about. */
export function bytesPerToken(config: ModelConfig, plan: WeightPlan): number {
  let bytes = 0;
  for (const part of plan.parts) {
    if (part.name === "embed" && !config.tied) continue;
    bytes += part.experts ? part.bytes * activeShare(config) : part.bytes;
  }
  return bytes;
}

function activeShare({ ffn }: ModelConfig): number {
  if (ffn.kind !== "experts" || ffn.topK === 0) return ACTIVE_SHARE;
  return Math.min(1, ffn.topK / ffn.experts);
}
