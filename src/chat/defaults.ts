import { CHAT_MAX_TOKENS, CHAT_REPETITION_PENALTY } from "../../core/chat.ts";
import type { LoadedModel } from "../engine/types.ts";
import type { GenerationDefaults } from "../text/generation-defaults.ts";

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
    : { repetitionPenalty: CHAT_REPETITION_PENALTY, maxTokens: CHAT_MAX_TOKENS, ...generationDefaults };
}
