import * as L from "../../assembly/layout.ts";
import type { DraftLayout } from "../architecture/draft-head.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { Addresses } from "./descriptor.ts";
import { alignUp } from "../architecture/panel.ts";
import type { WeightPlan } from "../architecture/plan.ts";
import { checkScratch, DRAFT_CHUNK, planScratch, type ScratchPlan } from "./scratch.ts";

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
  config: ModelConfig, plan: WeightPlan, draft: DraftLayout | undefined,
  { threads, base, file, weightsAt }: { readonly threads: number; readonly base: number; readonly file: string; readonly weightsAt?: number | undefined },
): ModelLayout {
  const buffers = planScratch(config, threads);
  checkScratch(buffers, plan.bytes, file);
  if (draft !== undefined) checkScratch(planScratch(draft.model, threads, DRAFT_CHUNK), plan.bytes + draft.plan.bytes, file);
  const weightBytes = (draft === undefined ? plan.bytes : draftEnd(draft)) + L.READ_AHEAD;
  const descriptor = alignUp(weightsAt === undefined ? base : weightsAt + weightBytes, 64);
  const layers = alignUp(descriptor + L.MODEL_BYTES, 64);
  const frequencies = alignUp(layers + config.layers * L.LAYER_BYTES, 64);
  const scratch = alignUp(frequencies + ropeDim(config) * 2, 64);
  const behind = alignUp(scratch + buffers.bytes, 64);
  const weights = weightsAt ?? behind;
  return { scratch: buffers, addresses: { descriptor, layers, frequencies, scratch, weights }, end: weightsAt === undefined ? weights + weightBytes : behind };
}

/** Dimensions of a query that RoPE turns. */
export function ropeDim({ attention }: ModelConfig): number {
  return attention.kind === "gqa" ? attention.headDim : attention.ropeDim;
}

/** Bytes from the start of the weights to the end of the head behind them. */
function draftEnd({ parts }: DraftLayout): number {
  const last = parts[parts.length - 1]!;
  return last.offset + last.bytes;
}
