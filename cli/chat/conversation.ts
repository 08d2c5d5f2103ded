import type { ChatResult } from "../../src/chat/answer.ts";
import type { Chat } from "../../src/chat/chat.ts";
import { BlockFFNError, ThreadError } from "../../src/errors.ts";
import type { Context, Lines } from "../io.ts";
import { streamText } from "../stream.ts";
import { isCommand, runCommand, type CommandContext } from "./commands.ts";
import { MAX_MESSAGE_BYTES, readMessage } from "./message.ts";
import { ChatStats } from "./stats.ts";

/** How a conversation is held. */
export interface ConversationOptions {
  /** Prints each answer as a JSON object of one line: what it is made of. */
  readonly json: ((result: ChatResult) => object) | undefined;
  /** Tells after each answer what it took. */
  readonly told: ((result: ChatResult) => void) | undefined;
  /** Files of the models. */
  readonly reads: readonly (string | undefined)[];
  /** Tokens that the conversation may have. */
  readonly context: number;
}

/**
 * A conversation over standard input and output. At a terminal an interrupt stops an answer, or leaves when it comes again, and what goes
 * wrong with one message is told and forgotten; through a pipe both end the program.
 */
export class Conversation {
  readonly #context: Context;
  readonly #chat: Chat;
  readonly #options: ConversationOptions;
  readonly #lines: Lines;
  readonly #commands: CommandContext;
  readonly #stats: ChatStats;
  readonly #people: boolean;
  #answer: AbortController | undefined;
  /** An interrupt came, and no message since. */
  #asked = false;

  constructor(context: Context, chat: Chat, options: ConversationOptions) {
    this.#context = context;
    this.#chat = chat;
    this.#options = options;
    this.#lines = context.io.lines(MAX_MESSAGE_BYTES);
    this.#stats = new ChatStats(options.context);
    this.#people = context.io.stdinIsTty;
    const { signal, io } = context;
    this.#commands = { chat, stats: this.#stats, reads: options.reads, signal, say: (text) => io.err(text) };
  }

  /** Runs until the one who speaks leaves. */
  async run(): Promise<void> {
    const { signal } = this.#context;
    const release = this.#people ? this.#context.takeInterrupts(() => this.#interrupt()) : undefined;
    const end = (): void => {
      this.#answer?.abort();
      this.#lines.close();
    };
    signal.addEventListener("abort", end, { once: true });
    try {
      while (!signal.aborted) {
        const message = await readMessage(this.#lines);
        if (message === undefined) break;
        this.#asked = false;
        if (message.trim() === "") continue;
        if (!(await this.#take(message))) break;
      }
    } finally {
      signal.removeEventListener("abort", end);
      release?.();
      this.#lines.close();
    }
  }

  /** @returns whether the conversation goes on */
  async #take(message: string): Promise<boolean> {
    try {
      if (isCommand(message)) return await runCommand(this.#commands, message);
      await this.#say(message.replace(/^\/\//, "/"));
    } catch (error) {
      // An engine that lost a thread answers no more.
      if (!this.#people || !(error instanceof BlockFFNError) || error instanceof ThreadError) throw error;
      this.#context.io.err(`blockffn: ${error.message}\n`);
    }
    return true;
  }

  async #say(message: string): Promise<void> {
    const { io } = this.#context;
    const { json, told } = this.#options;
    const answer = new AbortController();
    this.#answer = answer;
    try {
      const reply = this.#chat.send(message, { signal: answer.signal });
      if (json === undefined) await streamText(io, reply);
      const result = await reply.result();
      this.#stats.add(result);
      if (json !== undefined) await io.out(`${JSON.stringify(json(result))}\n`);
      if (result.dropped > 0) io.err(`(the conversation outgrew the context: its ${result.dropped} oldest turns are not read any more)\n`);
      told?.(result);
    } finally {
      this.#answer = undefined;
    }
  }

  #interrupt(): void {
    if (this.#answer !== undefined) {
      this.#answer.abort();
    } else if (this.#asked) {
      this.#lines.close();
      return;
    } else {
      this.#context.io.err("\n(Ctrl-C again, Ctrl-D or /exit leaves)\n");
      this.#lines.promptAgain();
    }
    this.#asked = true;
  }
}
