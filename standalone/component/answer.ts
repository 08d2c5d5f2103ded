import { Conversation } from "../chat/conversation";
import { Generation } from "../decode/generation";
import { LoadedModel } from "../model/instance";
import { handleResult } from "./abi";

// @ts-ignore: decorator
@external("[export]blockffn:runtime/inference@0.1.0", "[resource-new]generation")
declare function newGeneration(rep: usize): u32;

/** A conversation of the host's, which goes when both it and its answer under way are dropped. */
export class Chat {
  /** Handles that the host has: its own, and one for each answer. */
  private users: i32 = 1;

  constructor(public conversation: Conversation) {}

  take(): void {
    this.users++;
  }

  drop(): void {
    if (--this.users > 0) return;
    const model = this.conversation.model;
    this.conversation.free();
    dropUser(model);
  }
}

/** The resource `generation`: one of its own, or a chat's answer. */
export class Answer {
  constructor(
    public generation: Generation,
    private chat: Chat | null,
  ) {}

  next(): bool {
    const chat = this.chat;
    if (chat === null) return this.generation.next();
    // An answer that is over has nothing more, though the chat goes on.
    if (!this.current(chat)) return false;
    if (chat.conversation.next()) return true;
    chat.conversation.end();
    this.generation.piece.clear();
    return false;
  }

  drop(): void {
    const chat = this.chat;
    if (chat !== null) {
      if (this.current(chat)) chat.conversation.end();
      return chat.drop();
    }
    const model = this.generation.model;
    this.generation.free();
    dropUser(model);
  }

  private current(chat: Chat): bool {
    return chat.conversation.current === this.generation;
  }
}

/** result<own<generation>, _>. */
export function answerResult(answer: Answer): usize {
  return handleResult(newGeneration(__pin(changetype<usize>(answer))));
}

/** One that used a model goes: a model that nobody else holds goes with it. */
export function dropUser(model: LoadedModel): void {
  if (--model.users === 0 && model.dropped) model.free();
}
