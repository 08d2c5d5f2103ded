import type { Piece } from "../decode/generation.ts";
import type { ChatResult } from "./answer.ts";
import type { ChatMessage } from "./messages.ts";
import type { ChatOptions } from "./options.ts";

/** An answer on its way, from this thread or another: iterate it once for its pieces, ask `result()` for the end. */
export interface ChatStream extends AsyncIterable<Piece> {
  result(): Promise<ChatResult>;
}

/** What answers the states of one conversation, and keeps what it computed for the next one. */
export interface ChatBackend {
  answer(messages: readonly ChatMessage[], options?: ChatOptions): ChatStream;
  close(): void;
}

/** A model, in this thread or another. */
export interface ChatModel {
  openChat(): ChatBackend;
}
