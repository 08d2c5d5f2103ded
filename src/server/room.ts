import type { GenerateOptions } from "../decode/options.ts";
import { MemoryError } from "../errors.ts";
import { badRequest, type ApiError } from "./errors.ts";
import type { ChatRequest, CompletionRequest } from "./schema.ts";
import { promptParam, type ServedModel } from "./served.ts";

/** A request on its way to its memory. */
export interface Asking {
  readonly served: ServedModel;
  readonly request: CompletionRequest | ChatRequest;
  readonly prompt: ArrayLike<number>;
  /** As the model gets them. */
  readonly options: GenerateOptions & { readonly maxTokens: number };
  /** No other request had any memory. */
  readonly alone: boolean;
}

/** New tokens that a request gets which asks for no number: never more than there can be memory for. */
export function defaultTokens({ model }: ServedModel, prompt: ArrayLike<number>, most: number): number {
  return Math.max(1, Math.min(most, (model.loaded.mostTokens ?? Infinity) - prompt.length + 1));
}

/**
 * What a client is told where there was no memory for its request: 400 where there never is, so that it does not come again and again;
 * undefined where waiting may help, and where the fault is the server's, which then has none for the smallest request either.
 */
export function neverFits(error: unknown, asking: Asking): ApiError | undefined {
  if (!(error instanceof MemoryError)) return undefined;
  const { served, request, prompt, options, alone } = asking;
  const { config, loaded } = served.model;
  // The last new token needs no place.
  const needed = Math.min(config.contextLength, prompt.length + options.maxTokens - 1);
  const most = loaded.mostTokens ?? Infinity;
  if (needed <= most && !(alone && smallestFits(asking))) return undefined;
  const inPrompt = prompt.length >= Math.min(most, needed);
  const room = needed > most ? `at most ${most}` : `fewer than ${needed}`;
  const advice = inPrompt ? "shorten the prompt" : `ask for fewer with ${request.maxTokensParam}`;
  return badRequest(
    `prompt and answer are ${needed} tokens, and this server can have memory for ${room}, whatever else it does; ${advice}`,
    inPrompt ? promptParam(request) : request.maxTokensParam,
    "request_too_large",
  );
}

/** Whether one token after one other has the memory that these options need, drafters included. */
function smallestFits({ served, prompt, options }: Asking): boolean {
  const generation = served.model.generate(Array.from(prompt).slice(0, 1), { ...options, maxTokens: 1 });
  try {
    generation.reserve();
    return true;
  } catch {
    return false;
  } finally {
    void generation[Symbol.asyncIterator]().return?.();
  }
}
