import { ANSWER_SHARE, KEPT_SHARE } from "../../core/chat";
import { Bytes } from "../bytes";
import { fail, failed } from "../failure";
import { Tokenizer } from "../text/tokenizer";
import { ChatRoles, Message, SYSTEM, USER } from "./roles";

/** What of a conversation the model reads. */
export class Window {
  ids: Bytes = new Bytes();
  /** Turns that are left out. */
  dropped: i32 = 0;
  /** The first message after the system text that is read. */
  first: i32 = 0;
  private text: Bytes = new Bytes();
  private literal: Bytes = new Bytes();

  constructor(
    private roles: ChatRoles,
    private tokenizer: Tokenizer,
  ) {}

  /**
   * Takes the ids of a conversation that leave room for an answer: all of it, or without its oldest turns, as few as it takes to come below
   * half of the context. Mirrors src/chat/window.ts. Fails when the last turn alone is too long.
   * @param from messages before it are left out already @param answer tokens that an answer wants
   */
  fit(messages: Message[], from: i32, context: i32, answer: i32): void {
    const starts = turnStarts(messages, from);
    const turns = starts.length;
    const room = min(answer, <i32>(<f64>context * ANSWER_SHARE));
    this.dropped = 0;
    if (this.take(messages, from, turns > 1 ? context - room : context)) return;
    const kept = max(1, <i32>(<f64>context * KEPT_SHARE));
    // The fewest that suffice, by bisection.
    let fewest = turns - 1;
    let low = 1;
    let high = turns - 1;
    let fits = false;
    while (low <= high && !failed()) {
      const middle = (low + high) >> 1;
      if (this.take(messages, starts[middle], kept)) {
        fits = true;
        fewest = middle;
        high = middle - 1;
      } else low = middle + 1;
    }
    if (turns > 1 && !failed() && this.take(messages, starts[fewest], fits ? kept : context)) {
      this.dropped = fewest;
      return;
    }
    fail(`have more than ${context} tokens, and the context holds no more; shorten it`, "messages");
  }

  free(): void {
    this.ids.free();
    this.text.free();
    this.literal.free();
  }

  /** Encodes the conversation from a message on; whether it has at most so many ids. */
  private take(messages: Message[], first: i32, most: i32): bool {
    this.text.clear();
    this.literal.clear();
    this.ids.clear();
    this.first = first;
    this.roles.write(messages, first, this.tokenizer, this.text, this.literal);
    if (failed()) return false;
    this.tokenizer.encodeWritten(this.text, this.literal, this.ids);
    return !failed() && this.ids.ints <= most;
  }
}

/** Where turns begin, from a message on: each user's message. */
function turnStarts(messages: Message[], from: i32): i32[] {
  const starts: i32[] = [];
  for (let i = from; i < messages.length; i++) if (messages[i].role === USER) starts.push(i);
  return starts;
}

/** Messages of the system at the start. */
export function systemLength(messages: Message[]): i32 {
  return messages.length > 0 && messages[0].role === SYSTEM ? 1 : 0;
}
