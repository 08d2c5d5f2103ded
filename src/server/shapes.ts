import type { Outcome, Said, Usage } from "./answer.ts";
import type { AnswerToken, TokenText } from "./logprobs.ts";
import type { ServedModel } from "./served.ts";

/** How one of the APIs writes an answer. */
export interface Shape {
  /** What a stream begins with. */
  begin(): object | undefined;
  /** One step of a stream. */
  step(said: Said): object;
  /** The last step, without text. */
  end(outcome: Outcome): object;
  /** The usage, after the last step. */
  usage(usage: Usage): object;
  /** All at once. */
  whole(said: Said, outcome: Outcome): object;
}

/** How a choice ended: OpenAI's reason, and what it was (`stop_reason`, vLLM's field, which clients of OpenAI pass over). */
function ended(outcome: Outcome | undefined): { readonly finish_reason: string | null; readonly stop_reason?: number | string | null } {
  return outcome === undefined ? { finish_reason: null } : { finish_reason: outcome.finishReason, stop_reason: outcome.stopReason };
}

/** @param includeUsage every chunk of a stream has the field `usage` then, as OpenAI has it */
export function completionShape(served: ServedModel, includeUsage: boolean): Shape {
  const envelope = head("cmpl", "text_completion", served);
  const chunk = { ...envelope, ...(includeUsage ? { usage: null } : {}) };
  const choice = (text: string, tokens: readonly AnswerToken[] | undefined, outcome?: Outcome): object[] => [
    { text, index: 0, logprobs: tokens === undefined ? null : completionLogprobs(tokens), ...ended(outcome) },
  ];
  return {
    begin: () => undefined,
    step: ({ text, tokens }) => ({ ...chunk, choices: choice(text, tokens) }),
    end: (outcome) => ({ ...chunk, choices: choice("", undefined, outcome) }),
    usage: (usage) => ({ ...envelope, choices: [], usage }),
    whole: ({ text, tokens }, outcome) => ({ ...envelope, choices: choice(text, tokens, outcome), usage: outcome.usage }),
  };
}

/** @param includeUsage every chunk of a stream has the field `usage` then, as OpenAI has it */
export function chatShape(served: ServedModel, includeUsage: boolean): Shape {
  const envelope = head("chatcmpl", "chat.completion", served);
  const chunk = { ...envelope, object: "chat.completion.chunk", ...(includeUsage ? { usage: null } : {}) };
  const choice = (delta: object, tokens: readonly AnswerToken[] | undefined, outcome?: Outcome): object[] => [
    { index: 0, delta, logprobs: chatLogprobs(tokens), ...ended(outcome) },
  ];
  return {
    begin: () => ({ ...chunk, choices: choice({ role: "assistant", content: "", refusal: null }, undefined) }),
    step: ({ text, tokens }) => ({ ...chunk, choices: choice({ content: text }, tokens) }),
    end: (outcome) => ({ ...chunk, choices: choice({}, undefined, outcome) }),
    usage: (usage) => ({ ...envelope, object: "chat.completion.chunk", choices: [], usage }),
    whole: ({ text, tokens }, outcome) => ({
      ...envelope,
      choices: [
        { index: 0, message: { role: "assistant", content: text, refusal: null }, logprobs: chatLogprobs(tokens), ...ended(outcome) },
      ],
      usage: outcome.usage,
    }),
  };
}

function head(
  prefix: string,
  object: string,
  { id, fingerprint }: ServedModel,
): { readonly id: string; readonly object: string; readonly created: number; readonly model: string; readonly system_fingerprint: string } {
  return {
    id: `${prefix}-${crypto.randomUUID().replaceAll("-", "")}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: id,
    system_fingerprint: fingerprint,
  };
}

function completionLogprobs(tokens: readonly AnswerToken[]): object {
  const alternatives = (token: AnswerToken): object =>
    Object.fromEntries([token, ...token.top].map(({ token: text, logprob }) => [text, logprob]));
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.some(({ top }) => top.length > 0) ? tokens.map(alternatives) : null,
    text_offset: tokens.map(({ at }) => at),
  };
}

function chatLogprobs(tokens: readonly AnswerToken[] | undefined): object | null {
  if (tokens === undefined) return null;
  const plain = ({ token, logprob, bytes }: TokenText): object => ({ token, logprob, bytes });
  return { content: tokens.map((token) => ({ ...plain(token), top_logprobs: token.top.map(plain) })), refusal: null };
}
