import { Command, CommanderError } from "commander";
import { BlockFFNError, UsageError } from "../src/errors.ts";
import type { Context, Io } from "./io.ts";

const OK = 0;
const FAILED = 1;
const USAGE = 2;
/** By the shells' convention, 128 and the number of the signal. */
export const INTERRUPTED = 130;
export const TERMINATED = 143;

/**
 * Runs a program and gives the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 told to end.
 * @param program makes it, with all its commands
 */
export async function run(args: readonly string[], io: Io, program: (context: Context) => Command): Promise<number> {
  const controller = new AbortController();
  let terminated = TERMINATED;
  let ended = OK;
  const end = (code: () => number) => (): void => {
    if (!controller.signal.aborted) ended = code();
    controller.abort();
  };
  let taken: (() => void) | undefined;
  const interrupted = end(() => INTERRUPTED);
  const onInterrupt = (): boolean => {
    (taken ?? interrupted)();
    return taken !== undefined;
  };
  const releases = [io.onInterrupt(onInterrupt), io.onTerminate(end(() => terminated))];
  // Help and version, which commander prints without waiting.
  const printed: Promise<void>[] = [];
  try {
    const context: Context = {
      io,
      signal: controller.signal,
      takeInterrupts: (handler) => {
        taken = handler;
        return () => (taken = undefined);
      },
      endsWhenTold: () => void (terminated = OK),
      print: (text) => void printed.push(io.out(text)),
    };
    try {
      await program(context).parseAsync([...args], { from: "user" });
    } finally {
      await Promise.all(printed);
    }
    return ended;
  } catch (error) {
    // Commander has printed its message, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE;
    if (controller.signal.aborted && !(error instanceof BlockFFNError)) return ended;
    io.err(`blockffn: ${describe(error, io)}\n`);
    return error instanceof UsageError ? USAGE : FAILED;
  } finally {
    for (const release of releases) release();
  }
}

/** A program whose messages go through `io`, and which throws instead of ending the process. */
export function newProgram(name: string, { io, print }: Context): Command {
  return (
    new Command(name)
      .version(io.version)
      // Options after a command's name are that command's.
      .enablePositionalOptions()
      .exitOverride()
      .configureOutput({
        writeOut: print,
        writeErr: (text) => io.err(text),
        outputError: (text, write) => write(text.replace(/^error: /, `${name}: `)),
      })
      .showHelpAfterError("(add --help for options and examples)")
      .hook("preAction", (_, command) => refuseEmptyPaths(command))
  );
}

/** An unset variable of a shell gives an empty path, which some commands would take for none. @throws UsageError naming the option */
function refuseEmptyPaths(command: Command): void {
  for (const option of command.options) {
    const [, what] = /<(file|folder|path|svg)\b/.exec(option.flags) ?? [];
    if (what !== undefined && command.getOptionValue(option.attributeName()) === "")
      throw new UsageError(`${option.long} is empty; give the path of a ${what === "folder" ? "folder" : "file"}, or leave it out`);
  }
}

function describe(error: unknown, io: Io): string {
  if (io.env["BLOCKFFN_DEBUG"] === "1" && error instanceof Error) return error.stack ?? error.message;
  if (error instanceof BlockFFNError) return oneLine(error instanceof UsageError ? asFlag(error) : error.message);
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `${oneLine(message)} (not expected; set BLOCKFFN_DEBUG=1 for the stack and please report it)`;
}

/** An option that the library calls topK is --top-k here. */
function asFlag({ field, message }: UsageError): string {
  const name = /^([a-z]+([A-Z][a-z]*)*)(\.\d+)?$/.exec(field ?? "")?.[1];
  if (name === undefined || !message.startsWith(`${field}: `)) return message;
  const flag = name === "prompt" || name === "text" ? `the ${name}` : `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return `${flag} ${message.slice(`${field}: `.length)}`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}
