import { ANSWER_SHARE, KEPT_SHARE } from "../../core/chat.ts";
import { LimitError } from "../errors.ts";
import { turnStarts, withoutTurns, type ChatMessage } from "./messages.ts";
import type { Overflow } from "./options.ts";

export interface WindowOptions {
  /** Tokens that prompt and answer have together. */
  readonly context: number;
  /** Tokens that an answer wants. */
  readonly answer: number;
  readonly overflow: Overflow;
  /** Ids of a conversation; undefined when it has more than `limit`. */
  readonly encode: (messages: readonly ChatMessage[], limit: number) => Promise<Uint32Array | undefined>;
}

/** What of a conversation the model reads. */
export interface Window {
  readonly ids: Uint32Array;
  /** Turns that are left out. */
  readonly dropped: number;
}

/**
 * The ids of a conversation that leave room for an answer: of all of it, or without its oldest turns, as few as it takes to come below
 * half of the context.
 * @throws LimitError when it does not fit, or would only without turns and shall not lose any.
 */
export async function fitWindow(messages: readonly ChatMessage[], { context, answer, overflow, encode }: WindowOptions): Promise<Window> {
  const room = Math.min(answer, Math.floor(context * ANSWER_SHARE));
  const turns = turnStarts(messages).length;
  const mayDrop = overflow === "drop" && turns > 1;
  const whole = await encode(messages, mayDrop ? context - room : context);
  if (whole !== undefined) return { ids: whole, dropped: 0 };
  if (!mayDrop) throw tooLong(context, overflow, turns);
  const without = (dropped: number, limit: number): Promise<Window | undefined> =>
    encode(withoutTurns(messages, dropped), limit).then((ids) => ids && { ids, dropped });
  const kept = Math.max(1, Math.floor(context * KEPT_SHARE));
  let fits: Window | undefined;
  // The fewest that suffice, by bisection.
  for (let low = 1, high = turns - 1; low <= high;) {
    const middle = (low + high) >> 1;
    const found = await without(middle, kept);
    fits = found ?? fits;
    if (found === undefined) low = middle + 1;
    else high = middle - 1;
  }
  const last = fits ?? (await without(turns - 1, context));
  if (last === undefined) throw tooLong(context, overflow, 1);
  return last;
}

function tooLong(context: number, overflow: Overflow, turns: number): LimitError {
  const advice = turns < 2 ? "shorten it" : overflow === "refuse" ? 'shorten it, or let old turns go (overflow: "drop")' : "shorten it";
  return new LimitError(`have more than ${context} tokens, and the context holds no more; ${advice}`, {
    field: "messages",
    limit: context,
  });
}
