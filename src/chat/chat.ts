import { UsageError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { ChatResult } from "./answer.ts";
import type { ChatBackend, ChatModel, ChatStream } from "./backend.ts";
import { checkMessages, systemLength, turnStarts, withoutTurns, type ChatMessage } from "./messages.ts";
import { CHAT_OPTIONS, checkChatOptions, type ChatOptions } from "./options.ts";
import { ChatReply } from "./reply.ts";
import { exportChat, importChat, type ChatExport } from "./transcript.ts";

/** Options of a conversation: those of its answers, each of which `send` may say otherwise, and how it begins. */
export interface CreateChatOptions extends Omit<ChatOptions, "signal"> {
  /** The system text. Without it a template may put one of its own. */
  readonly system?: string;
  /** Messages that were said before. */
  readonly messages?: readonly ChatMessage[];
}

const { signal: _, ...ANSWER_OPTIONS } = CHAT_OPTIONS;
const NAMES = { ...ANSWER_OPTIONS, system: true, messages: true } satisfies OptionNames<CreateChatOptions>;

/**
 * A conversation with a model. Earlier turns are not computed again: what the newly written conversation and the one before begin with
 * alike, token by token, is kept. Answers are those of a run that computes everything anew.
 */
export class Chat {
  readonly #backend: ChatBackend;
  readonly #defaults: ChatOptions;
  #messages: ChatMessage[];
  /** Messages after the system text that are not read any more. */
  #dropped = 0;
  #reply: ChatReply | undefined;

  /** @internal use `createChat` */
  constructor(backend: ChatBackend, messages: ChatMessage[], defaults: ChatOptions) {
    this.#backend = backend;
    this.#messages = messages;
    this.#defaults = defaults;
  }

  /** All that was said, the system text first. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /** Messages after the system text that outgrew the context: the model does not read them any more. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The system text; undefined for none. Setting it keeps what was said. @throws UsageError during an answer. */
  get system(): string | undefined {
    const length = systemLength(this.#messages);
    return length === 0
      ? undefined
      : this.#messages
          .slice(0, length)
          .map(({ content }) => content)
          .join("\n");
  }

  set system(text: string | undefined) {
    this.#assertIdle();
    this.#messages = [...systemMessages(text), ...this.#messages.slice(systemLength(this.#messages))];
  }

  /**
   * Says something and gives the answer; both are part of the conversation once the answer is there. One that was cancelled or left early
   * stays as far as it came; where nothing had come, the turn is taken back, as it is after an error.
   * @param options instead of the chat's own
   * @throws UsageError for wrong options, and when it is asked for while another answer is under way
   */
  send(message: string | ChatMessage, options: ChatOptions = {}): ChatStream {
    checkChatOptions(options, "send");
    const [asked] = checkMessages([typeof message === "string" ? { role: "user", content: message } : message], "message");
    const reply: ChatReply = new ChatReply({
      start: () => {
        this.#assertIdle();
        this.#reply = reply;
        return this.#backend.answer([...this.#read(), asked!], { ...this.#defaults, ...options });
      },
      ended: (result) => {
        this.#reply = undefined;
        if (result !== undefined) this.#note(asked!, result);
      },
    });
    return reply;
  }

  /** Forgets all but the system text. @throws UsageError during an answer. */
  reset(): void {
    this.#assertIdle();
    this.#messages = this.#messages.slice(0, systemLength(this.#messages));
    this.#dropped = 0;
  }

  /** The conversation as JSON. */
  export(): ChatExport {
    return exportChat(this.#messages, this.#dropped);
  }

  /**
   * Goes on with a conversation that `export` gave, or a list of messages, instead.
   * @throws UsageError for what is none, and during an answer.
   */
  import(conversation: unknown): void {
    this.#assertIdle();
    const { messages, dropped } = importChat(conversation);
    this.#messages = messages;
    this.#dropped = dropped;
  }

  /** Frees the state; an answer under way ends by itself. The model stays. */
  dispose(): void {
    this.#backend.close();
  }

  /** What the model reads. */
  #read(): ChatMessage[] {
    const first = systemLength(this.#messages);
    return [...this.#messages.slice(0, first), ...this.#messages.slice(first + this.#dropped)];
  }

  #note(asked: ChatMessage, { message, finishReason, dropped }: ChatResult): void {
    if (finishReason === "aborted" && message.content === "") return;
    const read = [...this.#read(), asked];
    this.#messages = [...this.#messages, asked, message];
    // The last turn is never dropped, so the answer is not among them.
    this.#dropped += dropped === 0 ? 0 : read.length - withoutTurns(read, Math.min(dropped, turnStarts(read).length - 1)).length;
  }

  #assertIdle(): void {
    if (this.#reply !== undefined) throw new UsageError("an answer of this chat is under way; wait for its end, or abort it");
  }
}

/**
 * Begins a conversation. Dispose it when done: it keeps the state of what was said.
 * @throws UsageError naming the option that is wrong.
 */
export function createChat(model: ChatModel, options: CreateChatOptions = {}): Chat {
  checkOptions(options, NAMES, "createChat");
  const { system, messages = [], ...answers } = options;
  checkChatOptions(answers, "createChat");
  const defaults: ChatOptions = { overflow: "drop", ...answers };
  return new Chat(model.openChat(), [...systemMessages(system), ...checkMessages(messages)], defaults);
}

function systemMessages(text: unknown): ChatMessage[] {
  if (text === undefined) return [];
  if (typeof text !== "string") throw new UsageError("must be text", { field: "system" });
  return [{ role: "system", content: text }];
}
