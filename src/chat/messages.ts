import { UsageError } from "../errors.ts";
import type { Turn } from "../text/turn.ts";

/** One message of a conversation. Which roles there are is the template's to say; `system`, `user` and `assistant` are in every one. */
export type ChatMessage = Turn;

const KEYS = ["role", "content", "name"];
/** Longest role or name, in UTF-16 units. */
const MAX_NAME = 64;

/**
 * Checks a conversation and copies it: neither strangers' objects nor later changes get any further.
 * @throws UsageError naming the message and the field.
 */
export function checkMessages(messages: unknown, field = "messages"): ChatMessage[] {
  if (!Array.isArray(messages)) throw new UsageError('must be a list of messages, such as [{ role: "user", content: "Hi" }]', { field });
  return messages.map((message, i) => checkMessage(message, `${field}[${i}]`));
}

function checkMessage(message: unknown, field: string): ChatMessage {
  if (typeof message !== "object" || message === null) throw new UsageError("must be an object with role and content", { field });
  const { role, content, name } = message as Partial<Record<string, unknown>>;
  const unknown = Object.keys(message).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw new UsageError(`there are role, content and name, not ${unknown.slice(0, 40)}`, { field });
  if (!isName(role)) throw new UsageError(`must be text of 1 to ${MAX_NAME} characters`, { field: `${field}.role`, limit: MAX_NAME });
  if (typeof content !== "string") throw new UsageError("must be text", { field: `${field}.content` });
  if (name === undefined) return { role, content };
  if (!isName(name)) throw new UsageError(`must be text of 1 to ${MAX_NAME} characters`, { field: `${field}.name`, limit: MAX_NAME });
  return { role, content, name };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_NAME;
}

/** Messages at the start that are the system's: they are never dropped. */
export function systemLength(messages: readonly ChatMessage[]): number {
  const first = messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  return first < 0 ? messages.length : first;
}

/** Where turns begin: what follows the system text, and each user's message after another's. */
export function turnStarts(messages: readonly ChatMessage[]): number[] {
  const first = systemLength(messages);
  const starts: number[] = [];
  for (let i = first; i < messages.length; i++)
    if (i === first || (messages[i]!.role === "user" && messages[i - 1]!.role !== "user")) starts.push(i);
  return starts;
}

/** A conversation without its oldest turns. */
export function withoutTurns(messages: readonly ChatMessage[], count: number): ChatMessage[] {
  if (count === 0) return [...messages];
  return [...messages.slice(0, systemLength(messages)), ...messages.slice(turnStarts(messages)[count] ?? messages.length)];
}
