import { CHAT_FORMAT } from "../../src/chat/transcript.ts";
import type { Chat } from "../../src/chat/chat.ts";
import { FormatError, UsageError } from "../../src/errors.ts";
import { textKind } from "../output-kinds.ts";
import { writeOutput } from "../outputs.ts";
import { readTextFile } from "../text-file.ts";

/** A conversation that /save wrote. */
const CONVERSATION = textKind("a conversation of blockffn", (head) => new RegExp(`^\\{\\s*"format":\\s*"${CHAT_FORMAT}"`).test(head));

/**
 * Writes the conversation as JSON.
 * @param reads files of the models, which are not overwritten
 * @throws UsageError, SourceError where it must not or cannot be written.
 */
export async function saveChat(chat: Chat, path: string, reads: readonly (string | undefined)[]): Promise<void> {
  const text = `${JSON.stringify(chat.export(), null, 2)}\n`;
  await writeOutput(path, { reads, kind: CONVERSATION }, (file) => file.write(new TextEncoder().encode(text)));
}

/** Goes on with the conversation of a file. @throws SourceError, FormatError, UsageError for what is none. */
export async function loadChat(chat: Chat, path: string, signal: AbortSignal): Promise<void> {
  const text = await readTextFile(path, signal);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FormatError("is not JSON, so no conversation that /save wrote", { file: path, cause });
  }
  try {
    chat.import(value);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw new FormatError(cause.message, { file: path, cause });
  }
}
