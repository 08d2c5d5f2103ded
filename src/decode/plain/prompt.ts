import { PROMPT_CHUNK } from "../../../core/scratch.ts";
import type { LoadedModel } from "../../engine/types.ts";
import { LimitError, UsageError } from "../../errors.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import type { Paced } from "../../text/within.ts";

/** Tokens of a prompt that are computed at a time. */
export function promptChunk({ maxChunk }: Pick<LoadedModel, "maxChunk">): number {
  return Math.min(maxChunk, PROMPT_CHUNK);
}

/**
 * Token ids of a prompt: text is encoded, ids are checked.
 * @throws UsageError for an empty prompt, ids outside the vocabulary, or text without a tokenizer.
 */
export function encodePrompt(prompt: string | ArrayLike<number>, tokenizer: Tokenizer | undefined, vocabSize: number): Uint32Array {
  const ids = typeof prompt === "string" ? encodeText(prompt, tokenizer) : prompt;
  checkList(ids);
  if (ids.length === 0) throw new UsageError("is empty; give at least one token", { field: "prompt" });
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < vocabSize) continue;
    throw new UsageError(`holds ${String(id)} at place ${i}; token ids of this model go from 0 to ${vocabSize - 1}`, {
      field: "prompt",
      limit: vocabSize,
    });
  }
  return Uint32Array.from(ids);
}

/**
 * Token ids as one array, for sending; whether a model has them is checked by `encodePrompt`.
 * @throws UsageError for what is no list of numbers.
 */
export function tokenList(ids: ArrayLike<number>): Uint32Array {
  checkList(ids);
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i];
    if (!(typeof id === "number" && Number.isInteger(id) && id >= 0 && id <= 0xffff_ffff))
      throw new UsageError(`holds ${String(id)} at place ${i}, which is no token id`, { field: "prompt" });
  }
  return Uint32Array.from(ids);
}

/** @throws UsageError for what is no list, and for messages of a chat: they have a form that this function does not know. */
function checkList(ids: unknown): asserts ids is ArrayLike<number> {
  const list = ids as Partial<ArrayLike<unknown>> | null;
  if (typeof list !== "object" || list === null || typeof list.length !== "number") {
    throw new UsageError("must be text or a list of token ids", { field: "prompt" });
  }
  for (let i = 0; i < list.length; i++) {
    if (typeof list[i] !== "object" && typeof list[i] !== "string") continue;
    throw new UsageError(
      "is a list of messages or texts where text or token ids are needed; put a chat into text as the model's template has " +
        "it, or ask the server's /v1/chat/completions (createServer of blockffn/server), which does so",
      { field: "prompt" },
    );
  }
}

/** How a long text is encoded: `Paced`, each of it perhaps not given. */
type Pacing = { readonly [Name in keyof Paced]: Paced[Name] | undefined };

/**
 * Token ids of a long text, encoded while other tasks run.
 * @returns undefined when it was cancelled
 * @throws LimitError when it has more than `limit` ids.
 */
export async function encodeLongPrompt(
  text: string,
  tokenizer: Tokenizer,
  limit: number,
  { pause, signal }: Pacing,
): Promise<Uint32Array | undefined> {
  const aborted = (): boolean => signal?.aborted === true;
  if (aborted()) return undefined;
  try {
    return await tokenizer.encodeWithin(text, limit, { ...(pause !== undefined && { pause }), ...(signal !== undefined && { signal }) });
  } catch (error) {
    if (aborted()) return undefined;
    if (error instanceof LimitError)
      throw new LimitError(`has more than ${limit} tokens, and the context holds no more; shorten it`, { field: "prompt", limit });
    throw error;
  }
}

function encodeText(text: string, tokenizer: Tokenizer | undefined): Uint32Array {
  if (tokenizer === undefined) {
    throw new UsageError("must be token ids, as this model has no tokenizer.json", { field: "prompt" });
  }
  return tokenizer.encode(text);
}
