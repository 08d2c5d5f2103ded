import { UsageError } from "../errors.ts";
import { checkMessages, systemLength, type ChatMessage } from "./messages.ts";

/** A conversation as JSON: what `Chat.export` gives and `Chat.import` takes. */
export interface ChatExport {
  readonly format: typeof CHAT_FORMAT;
  readonly version: 1;
  readonly messages: readonly ChatMessage[];
  /** Messages after the system text that the model does not read any more. */
  readonly dropped: number;
}

export const CHAT_FORMAT = "blockffn.chat";
const VERSION = 1;

export function exportChat(messages: readonly ChatMessage[], dropped: number): ChatExport {
  return { format: CHAT_FORMAT, version: VERSION, messages: messages.map((message) => ({ ...message })), dropped };
}

/** Reads what `exportChat` gave, or a bare list of messages; it may come from anywhere. @throws UsageError naming the field. */
export function importChat(value: unknown): { readonly messages: ChatMessage[]; readonly dropped: number } {
  if (Array.isArray(value)) return { messages: checkMessages(value), dropped: 0 };
  if (typeof value !== "object" || value === null)
    throw new UsageError("must be what export() gave, or a list of messages", { field: "conversation" });
  const { format, version, messages, dropped = 0 } = value as Partial<Record<keyof ChatExport, unknown>>;
  if (format !== CHAT_FORMAT) throw new UsageError(`is not ${CHAT_FORMAT}: no conversation that export() gave`, { field: "format" });
  if (version !== VERSION) throw new UsageError(`must be ${VERSION}: a newer blockffn reads others`, { field: "version", limit: VERSION });
  const checked = checkMessages(messages);
  const most = checked.length - systemLength(checked);
  if (typeof dropped !== "number" || !Number.isInteger(dropped) || dropped < 0 || dropped > most)
    throw new UsageError(`must be a whole number from 0 to ${most}`, { field: "dropped", limit: most });
  return { messages: checked, dropped };
}
