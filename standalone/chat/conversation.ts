import { Bytes } from "../bytes";
import { Clock, FINISH_NONE, Generation } from "../decode/generation";
import { KeptSequence } from "../decode/kept";
import { GenerateOptions } from "../decode/options";
import { fail, failed } from "../failure";
import { LoadedModel } from "../model/instance";
import { appendWellFormed } from "../text/utf8";
import { ASSISTANT, ChatRoles, Message, SYSTEM, USER } from "./roles";
import { systemLength, Window } from "./window";

/**
 * A conversation: earlier turns are not computed again where the newly written conversation begins as the one before, token by token.
 * Mirrors src/chat/chat.ts: `ask`, `next` until it gives false, `end`.
 */
export class Conversation {
  /** Turns that were left out for the answer under way, or the last one. */
  dropped: i32 = 0;
  /** Text of the answer so far. */
  answer: Bytes = new Bytes();
  private roles: ChatRoles;
  private messages: Message[] = [];
  /** The first message after the system text that is read. */
  private first: i32 = 0;
  private asked: Message | null = null;
  private generation: Generation | null = null;
  private kept: KeptSequence;

  /** Fails when the model has no tokenizer, or its template does more than to put texts around contents. */
  constructor(
    public model: LoadedModel,
    public options: GenerateOptions,
    private now: Clock,
  ) {
    this.kept = new KeptSequence(model);
    this.roles = new ChatRoles();
    const json = model.packed.chatRoles;
    if (model.tokenizer === null) fail("this model has no tokenizer.json, so it cannot chat", "chat");
    else if (json.length === 0) fail(model.packed.hasTemplate ? MORE : NONE, "chat");
    else this.roles.read(json);
    options.check();
  }

  /** Tokens of the last prompt whose state was kept. */
  get cachedTokens(): i32 {
    return this.kept.reused;
  }

  /** The answer under way, or the last one; null before the first. */
  get current(): Generation | null {
    return this.generation;
  }

  get answering(): bool {
    return this.asked !== null;
  }

  /** Sets the system text; what was said stays. */
  system(at: usize, length: u32): void {
    if (length === 0) return fail("is empty; leave it out", "system");
    if (!this.roles.takesSystem) return fail("this model's chat template takes no system text, or not at the start", "system");
    const message = messageOf(SYSTEM, at, length);
    if (systemLength(this.messages) > 0) {
      this.messages[0].content.free();
      this.messages[0] = message;
      return;
    }
    this.messages.unshift(message);
    this.first++;
  }

  /** Forgets all but the system text. */
  reset(): void {
    while (this.messages.length > systemLength(this.messages)) this.takeBack();
    this.first = this.messages.length;
  }

  /** Says something; the answer begins. */
  ask(at: usize, length: u32): void {
    if (this.asked !== null) return fail("an answer of this chat is under way; wait for its end, or drop it", "chat");
    if (length === 0) return fail("is empty; say something", "message");
    const last = this.generation;
    if (last !== null) last.free();
    this.generation = null;
    this.answer.clear();
    const message = messageOf(USER, at, length);
    this.messages.push(message);
    const window = new Window(this.roles, this.model.tokenizer!);
    window.fit(this.messages, this.first, this.model.config.contextLength, this.options.maxTokens);
    const generation = new Generation(this.model, this.options, this.now, this.kept);
    if (!failed()) generation.begin(window.ids);
    window.free();
    if (failed()) {
      generation.free();
      this.takeBack();
      return;
    }
    this.dropped = window.dropped;
    this.first = window.first;
    this.asked = message;
    this.generation = generation;
  }

  /** Computes the next token of the answer; false at its end, which `end` must follow, or after a failure. */
  next(): bool {
    const generation = this.generation;
    if (generation === null || this.asked === null || !generation.next()) return false;
    this.answer.append(generation.piece.at, generation.piece.length);
    return true;
  }

  /** Ends the answer: it is part of the conversation as far as it came. Where nothing had come, or it failed, the turn is taken back. */
  end(): void {
    const generation = this.generation;
    if (this.asked === null || generation === null) return;
    this.asked = null;
    generation.release();
    if (generation.failed || (generation.finish === FINISH_NONE && this.answer.length === 0)) {
      this.takeBack();
      return;
    }
    this.messages.push(messageOf(ASSISTANT, this.answer.at, this.answer.length));
  }

  free(): void {
    const generation = this.generation;
    if (generation !== null) generation.free();
    while (this.messages.length > 0) this.takeBack();
    this.kept.free();
    this.answer.free();
  }

  /** Forgets the last message. */
  private takeBack(): void {
    this.messages.pop().content.free();
  }
}

const MORE =
  "this model's chat template does more than to put texts around what is said, and this host cannot run it: use a JavaScript host " +
  "(a file that an older blockffn converted says nothing of it: convert it again)";
const NONE = "this model has no chat template: give the text to go on with as --prompt";

function messageOf(role: i32, at: usize, length: u32): Message {
  const message = new Message(role);
  appendWellFormed(message.content, at, length, true);
  return message;
}
