import { PART_ALIGN, type WeightPlan } from "../../core/plan.ts";
import { alignUp } from "../../core/numbers.ts";
import type { ModelConfig } from "./config.ts";
import { planEagle, quantizationOf } from "./plan.ts";

/** Before the names of the head's tensors in a packed file. */
const PREFIX = "draft.";
/** Token ids of the draft vocabulary, u32, most frequent first. */
const TOKENS = "draft.tokens";

/** What a packed file says of its EAGLE head; the rest follows from the model that it belongs to. */
export interface DraftConfig {
  readonly layers: number;
  readonly ropeTheta: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly ffnSize: number;
  /** Most frequent tokens that it drafts (FR-Spec, arXiv 2502.14856); 0 for the whole vocabulary. */
  readonly draftVocab: number;
}

/** Where the head lies in a packed file and, from the same offsets, in linear memory: behind the model's weights. */
export interface DraftLayout {
  readonly config: DraftConfig;
  /** The head as a model; `vocabSize` is that of its draft vocabulary. */
  readonly model: ModelConfig;
  readonly plan: WeightPlan;
  /** Bytes from the start of the model's weights to the head's, and to its draft tokens (undefined when it drafts all). */
  readonly weightsAt: number;
  readonly tokensAt: number | undefined;
  /** All tensors, with their offsets from the start of the model's weights. */
  readonly parts: readonly { readonly name: string; readonly bytes: number; readonly offset: number }[];
}

/** The part of a head's configuration that a packed file holds. */
export function draftConfig(model: ModelConfig, draftVocab: number): DraftConfig {
  const { layers, ropeTheta, attention, ffn } = model;
  if (attention.kind !== "gqa" || ffn.kind !== "dense") throw new TypeError("an EAGLE head has grouped-query attention and a dense FFN");
  const { heads, kvHeads, headDim } = attention;
  return { layers, ropeTheta, heads, kvHeads, headDim, ffnSize: ffn.size, draftVocab };
}

/** An EAGLE head as a model of its own, beside its base model. */
export function draftModel(config: DraftConfig, base: ModelConfig): ModelConfig {
  const { layers, ropeTheta, heads, kvHeads, headDim, ffnSize, draftVocab } = config;
  const { ropeScaling: _, ...rest } = base;
  return {
    ...rest,
    layers,
    ropeTheta,
    residualScale: 1,
    vocabSize: draftVocab === 0 ? base.vocabSize : draftVocab,
    attention: { kind: "gqa", heads, kvHeads, headDim },
    ffn: { kind: "dense", size: ffnSize, gated: true },
  };
}

/** Lays out a head behind the weights of its model, quantised as they are. */
export function layoutDraft(config: DraftConfig, base: WeightPlan, baseConfig: ModelConfig): DraftLayout {
  const model = draftModel(config, baseConfig);
  const plan = planEagle(model, quantizationOf(base));
  const weightsAt = alignUp(base.bytes, PART_ALIGN);
  const tokensAt = config.draftVocab === 0 ? undefined : weightsAt + alignUp(plan.bytes, PART_ALIGN);
  const parts = plan.parts.map(({ name, bytes, offset }) => ({ name: PREFIX + name, bytes, offset: weightsAt + offset }));
  if (tokensAt !== undefined) parts.push({ name: TOKENS, bytes: 4 * config.draftVocab, offset: tokensAt });
  return { config, model, plan, weightsAt, tokensAt, parts };
}
