import type { Addresses } from "../../core/descriptor.ts";
import { placeModel } from "../../core/placement.ts";
import type { WeightPlan } from "../../core/plan.ts";
import { checkScratch, DRAFT_CHUNK, MAX_CHUNK, planScratch, type ScratchPlan } from "../../core/scratch.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { DraftLayout } from "../architecture/draft-head.ts";
import { architectureOf } from "../architecture/flat.ts";
import { LimitError } from "../errors.ts";

/** Where a model lies in linear memory; the sequences' caches follow. */
export interface ModelLayout {
  readonly scratch: ScratchPlan;
  readonly addresses: Addresses;
  /** First byte behind it, and behind what kernels may read past the last matrix. */
  readonly end: number;
}

/**
 * Lays out a model, with its draft head behind the weights, for `threads` threads: descriptors, scratch, weights.
 * @param where.base first byte that it may use
 * @param where.weightsAt where the weights are already; the rest then follows them
 * @throws LimitError for a shape whose working memory dwarfs its weights, naming `file`.
 */
export function layoutModel(
  config: ModelConfig,
  plan: WeightPlan,
  draft: DraftLayout | undefined,
  {
    threads,
    base,
    file,
    weightsAt,
  }: { readonly threads: number; readonly base: number; readonly file: string; readonly weightsAt?: number | undefined },
): ModelLayout {
  const scratch = planModelScratch(config, threads, plan.bytes, file);
  if (draft !== undefined) planDraftScratch(draft.model, threads, plan.bytes + draft.plan.bytes, file);
  const weightBytes = draft === undefined ? plan.bytes : draftEnd(draft);
  const { addresses, end } = placeModel(architectureOf(config), scratch.bytes, weightBytes, base, weightsAt ?? -1);
  return { scratch, addresses, end };
}

/** The working memory of a model with so many bytes of weights. @throws LimitError when it dwarfs them, naming `file`. */
export function planModelScratch(config: ModelConfig, threads: number, weightBytes: number, file: string): ScratchPlan {
  return checked(planScratch(architectureOf(config), threads, MAX_CHUNK), weightBytes, file);
}

/** `planModelScratch` for an EAGLE head. @param weightBytes those of the base model, too */
export function planDraftScratch(config: ModelConfig, threads: number, weightBytes: number, file: string): ScratchPlan {
  return checked(planScratch(architectureOf(config), threads, DRAFT_CHUNK), weightBytes, file);
}

function checked(scratch: ScratchPlan, weightBytes: number, file: string): ScratchPlan {
  const problem = checkScratch(scratch, weightBytes);
  if (problem !== null) throw new LimitError(problem.text, { file, field: problem.field, limit: problem.limit });
  return scratch;
}

/** Bytes from the start of the weights to the end of the head behind them. */
function draftEnd({ parts }: DraftLayout): number {
  const last = parts[parts.length - 1]!;
  return last.offset + last.bytes;
}
