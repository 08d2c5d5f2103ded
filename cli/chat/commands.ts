import type { Chat } from "../../src/chat/chat.ts";
import { UsageError } from "../../src/errors.ts";
import { loadChat, saveChat } from "./files.ts";
import type { ChatStats } from "./stats.ts";

/** What a command of the conversation may use. */
export interface CommandContext {
  readonly chat: Chat;
  readonly stats: ChatStats;
  /** Files of the models. */
  readonly reads: readonly (string | undefined)[];
  readonly signal: AbortSignal;
  /** Tells the one who types. */
  readonly say: (text: string) => void;
}

interface ChatCommand {
  readonly argument: string;
  readonly help: string;
  /** @returns whether the conversation goes on; undefined: it does */
  readonly run: (context: CommandContext, argument: string) => Promise<boolean | void> | boolean | void;
}

const COMMANDS: Readonly<Record<string, ChatCommand>> = {
  reset: {
    argument: "",
    help: "forget all but the system text",
    run: ({ chat, say }) => {
      chat.reset();
      say("forgotten\n");
    },
  },
  system: {
    argument: "[TEXT]",
    help: "show or set the system text; what was said stays",
    run: ({ chat, say }, text) => {
      if (text === "") return say(`${chat.system ?? "no system text of yours; the template may have one"}\n`);
      chat.system = text;
    },
  },
  save: {
    argument: "FILE",
    help: "write the conversation to a file",
    run: async ({ chat, reads, say }, file) => {
      await saveChat(chat, needed(file, "save"), reads);
      say(`saved: ${chat.messages.length} messages\n`);
    },
  },
  load: {
    argument: "FILE",
    help: "go on with the conversation of a file",
    run: async ({ chat, signal, say }, file) => {
      await loadChat(chat, needed(file, "load"), signal);
      say(`loaded: ${chat.messages.length} messages\n`);
    },
  },
  stats: { argument: "", help: "tokens, context and speed so far", run: ({ chat, stats, say }) => say(stats.describe(chat)) },
  help: { argument: "", help: "this list", run: ({ say }) => say(HELP) },
  exit: { argument: "", help: "leave (or Ctrl-D, or Ctrl-C twice)", run: () => false },
};

const HELP = `${Object.entries(COMMANDS)
  .map(([name, { argument, help }]) => `  /${`${name} ${argument}`.padEnd(15)}${help}`)
  .join("\n")}
  //TEXT          say /TEXT
Several lines: """ before and after them, or \\ at the end of each but the last. Ctrl-C stops an answer.
`;

/** Whether a message is a command. */
export function isCommand(message: string): boolean {
  return /^\/(?!\/)/.test(message);
}

/** Runs a command. @returns whether the conversation goes on @throws UsageError for one that there is not. */
export async function runCommand(context: CommandContext, message: string): Promise<boolean> {
  const [, name = "", argument = ""] = /^\/(\S*)\s*([^]*)$/.exec(message) ?? [];
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw new UsageError(`there is no command /${name.slice(0, 40)}; /help lists them, and //TEXT says /TEXT`);
  if (command.argument === "" && argument.trim() !== "") throw new UsageError(`/${name} takes nothing after it; //TEXT says /TEXT`);
  return (await command.run(context, argument.trim())) !== false;
}

function needed(file: string, command: string): string {
  if (file === "") throw new UsageError(`/${command} needs the name of a file`);
  return file;
}
