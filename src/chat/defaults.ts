import type { LoadedModel } from "../engine/types.ts";
import type { GenerationDefaults } from "../text/generation-defaults.ts";

/** What keeps a model's greedy answers out of circles, where its makers say nothing. */
const REPETITION_PENALTY = 1.1;
/** Longest answer, where nobody says. */
const MAX_TOKENS = 1024;

/**
 * What answers of a chat are drawn by where the caller does not say: what the model's makers want, and where they do not say either, greedy
 * with a penalty on repetition. A model without a chat template goes on with a text, as `generate` does: without the penalty.
 */
export function chatDefaults({
  generationDefaults = {},
  chatTemplate,
}: Pick<LoadedModel, "generationDefaults" | "chatTemplate">): GenerationDefaults {
  return chatTemplate === undefined
    ? generationDefaults
    : { repetitionPenalty: REPETITION_PENALTY, maxTokens: MAX_TOKENS, ...generationDefaults };
}
