import { contextLimit, openRun } from "../decode/generate.ts";
import { Generation } from "../decode/generation.ts";
import { KeptSequence } from "../decode/kept.ts";
import { resolveOptions } from "../decode/options.ts";
import type { LoadedModel } from "../engine/types.ts";
import { LimitError, UsageError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { ChatFormat } from "../text/chat.ts";
import type { RenderOptions } from "../text/render-template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { ChatRun, type ChatGeneration, type ChatResult, type Prepared } from "./answer.ts";
import { chatDefaults } from "./defaults.ts";
import { checkMessages, type ChatMessage } from "./messages.ts";
import { CHAT_OPTIONS, splitOptions, type ChatOptions } from "./options.ts";
import { fitWindow } from "./window.ts";

/** What answers conversations: a model with all that it says of text. */
export interface Answering {
  readonly loaded: LoadedModel;
  readonly tokenizer: Tokenizer;
  readonly format: ChatFormat;
}

/** Answers the states of one conversation, one at a time: what two of them begin with alike is computed once. */
export class ChatSession {
  readonly #model: Answering;
  readonly #kept: KeptSequence;

  constructor(model: Answering) {
    this.#model = model;
    this.#kept = new KeptSequence(model.loaded);
  }

  /** As `answerChat`, keeping the state. */
  answer(messages: readonly ChatMessage[], options: ChatOptions = {}): ChatGeneration {
    return answerChat(this.#model, messages, options, this.#kept);
  }

  /** Frees the state. */
  close(): void {
    this.#kept.dispose();
  }
}

/**
 * Answers a conversation. Options are checked at once, the conversation when the first piece is asked for.
 * @throws UsageError for wrong options or messages.
 */
export function answerChat(
  { loaded, tokenizer, format }: Answering,
  messages: readonly ChatMessage[],
  options: ChatOptions,
  kept?: KeptSequence,
): ChatGeneration {
  checkOptions(options, CHAT_OPTIONS, "chat");
  const checked = checkMessages(messages);
  if (checked.length === 0) throw new UsageError("is empty; give at least one message", { field: "messages" });
  const { generate, render, overflow = "refuse" } = splitOptions(options);
  const resolved = resolveOptions({ ...chatDefaults(loaded), ...generate }, tokenizer);
  const context = contextLimit(loaded, 0, resolved.context);
  const { signal } = resolved;
  const encode = (part: readonly ChatMessage[], limit: number): Promise<Uint32Array | undefined> =>
    encodeUpTo(loaded, format, part, limit, render, signal);
  const prepare = async (): Promise<Prepared | undefined> => {
    try {
      signal?.throwIfAborted();
      const { ids, dropped } = await fitWindow(checked, { context, answer: resolved.maxTokens, overflow, encode });
      if (ids.length === 0) throw new UsageError("are no token at all; say something", { field: "messages" });
      return { run: openRun(loaded, tokenizer, ids, kept === undefined ? resolved : { ...resolved, kept }), dropped };
    } catch (error) {
      if (signal?.aborted === true) return undefined;
      throw error;
    }
  };
  return new Generation<ChatResult>(new ChatRun(prepare, resolved.seed, () => kept?.reused ?? 0));
}

async function encodeUpTo(
  { pause }: LoadedModel,
  format: ChatFormat,
  messages: readonly ChatMessage[],
  limit: number,
  render: RenderOptions,
  signal: AbortSignal | undefined,
): Promise<Uint32Array | undefined> {
  try {
    const paced = { ...(pause !== undefined && { pause }), ...(signal !== undefined && { signal }) };
    return await format.encodeWithin(messages, limit, { ...render, ...paced });
  } catch (error) {
    if (error instanceof LimitError && error.field === "text" && error.limit === limit) return undefined;
    throw error;
  }
}
