import { LimitError, UsageError } from "../errors.ts";
import type { LoadedModel } from "../engine/types.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { Generation, type GenerationRun } from "./generation.ts";
import { resolveOptions, type GenerateOptions, type ResolvedOptions } from "./options.ts";
import { DeferredRun } from "./plain/deferred-run.ts";
import { encodeLongPrompt, encodePrompt } from "./plain/prompt.ts";
import { PlainRun } from "./plain/plain-run.ts";
import { checkSpeculation, knownCosts, openSpeculation } from "./speculative/speculation.ts";
import { SpeculativeRun } from "./speculative/speculative.ts";

/** Longest text that is encoded at once, in UTF-16 units: a few milliseconds. */
const MAX_AT_ONCE = 1 << 14;

/**
 * Continues a prompt, token by token. Options and prompt are checked at once, a long text when the first piece is asked for;
 * computing starts with the first piece.
 * The model may run other sequences meanwhile; it must not be disposed.
 * @param tokenizer undefined for models without one: then the prompt must be token ids and all text is empty.
 * @param prompt text (encoded with the special tokens that tokenizer.json asks for) or token ids (taken as they are).
 * @throws UsageError for wrong options, LimitError when the prompt does not fit the context.
 */
export function generate(
  model: LoadedModel,
  tokenizer: Tokenizer | undefined,
  prompt: string | ArrayLike<number>,
  options: GenerateOptions = {},
): Generation {
  const resolved = resolveOptions(options, tokenizer);
  if (tokenizer === undefined && resolved.stop !== undefined) {
    throw new UsageError("needs a tokenizer, and this model has none", { field: "stop" });
  }
  const open = (ids: Uint32Array): GenerationRun => openRun(model, tokenizer, ids, resolved);
  if (typeof prompt !== "string" || tokenizer === undefined || prompt.length <= MAX_AT_ONCE) {
    return new Generation(open(encodePrompt(prompt, tokenizer, model.config.vocabSize)));
  }
  const limit = contextLimit(model, tokenizer.leastTokens(prompt), resolved.context, "more than ");
  const encoded = (): Promise<Uint32Array | undefined> =>
    encodeLongPrompt(prompt, tokenizer, limit, { pause: model.pause, signal: resolved.signal });
  return new Generation(
    new DeferredRun(async () => {
      const ids = await encoded();
      return ids === undefined ? undefined : open(encodePrompt(ids, tokenizer, model.config.vocabSize));
    }, resolved.seed),
  );
}

/**
 * The run of a generation on token ids of the model's.
 * @throws UsageError for options that the model cannot do, LimitError when the prompt does not fit the context.
 */
export function openRun(model: LoadedModel, tokenizer: Tokenizer | undefined, ids: Uint32Array, resolved: ResolvedOptions): GenerationRun {
  const limit = contextLimit(model, ids.length, resolved.context);
  // Who cannot measure cannot choose: plain decoding, and no memory for drafters.
  const plain = resolved.speculate === "off" || (resolved.speculate === "auto" && model.frozenClock === true);
  if (plain) return new PlainRun(model, tokenizer, ids, resolved, limit);
  checkSpeculation(model, resolved);
  const late = resolved.speculate === "auto" ? knownCosts(model) : undefined;
  return new SpeculativeRun(model, tokenizer, ids, resolved, limit, (capacity) => openSpeculation(model, resolved, capacity), late);
}

/**
 * Tokens that the KV cache may grow to.
 * @throws UsageError for a context beyond the model's; LimitError when the prompt does not fit it.
 */
export function contextLimit(model: LoadedModel, promptTokens: number, asked: number | undefined, about = ""): number {
  const { contextLength } = model.config;
  if (asked !== undefined && asked > contextLength) {
    throw new UsageError(`is ${asked}, but ${model.name} was made for at most ${contextLength} tokens`, {
      field: "context",
      limit: contextLength,
    });
  }
  const limit = asked ?? contextLength;
  if (promptTokens > limit) {
    throw new LimitError(`has ${about}${promptTokens} tokens, but the context holds ${limit}; shorten it`, { field: "prompt", limit });
  }
  return limit;
}
