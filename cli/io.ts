import type { Models } from "../host/models.ts";
import type { Host, Listen } from "../src/host.ts";

/** The world as the commands see it: main.ts gives the process, tests give strings. */
export interface Io {
  readonly host: Host;
  /** Path of the model that is used when none is named and no conversation is asked for. */
  readonly defaultModel: string;
  readonly models: Pick<Models, "locate" | "chatModel" | "list" | "remove" | "removeUnfinished">;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  readonly stdinIsTty: boolean;
  /** Resolves when the text is handed over, so that a slow reader slows the writer down. @throws SourceError when it cannot be. */
  out(text: string): Promise<void>;
  err(text: string): void;
  /** All of standard input. @throws LimitError beyond `limit` bytes. */
  readInput(limit: number): Promise<string>;
  /** Standard input line by line. @param limit most bytes of a line */
  lines(limit: number): Lines;
  /**
   * Calls `handler` at an interrupt (Ctrl-C); the result takes that back. Who interrupts again ends the process, unless `handler` says with
   * true that it deals with each by itself.
   */
  onInterrupt(handler: () => boolean): () => void;
  /** Calls `handler` when the system asks the process to end (SIGTERM); the result takes that back. */
  onTerminate(handler: () => void): () => void;
  readonly listen: Listen;
}

/** Lines as they are typed, or come through a pipe. */
export interface Lines {
  /**
   * The next line, without its end; undefined at the end of input or after `close`.
   * @param prompt shown before it, to people
   * @throws LimitError for one that is too long
   */
  next(prompt: string): Promise<string | undefined>;
  /** Shows the prompt again, after something else was written. */
  promptAgain(): void;
  /** Takes no more lines; one that is waited for is undefined. */
  close(): void;
}

/** What a command gets besides its arguments. */
export interface Context {
  readonly io: Io;
  /** Aborted by an interrupt, or when the system asks the process to end. */
  readonly signal: AbortSignal;
  /** From now on an interrupt calls `handler` instead of aborting; the result takes that back. */
  readonly takeInterrupts: (handler: () => void) => () => void;
  /** Said by a command that runs until it is told to end: that is then its success. */
  readonly endsWhenTold: () => void;
  /** Writes help and version, which nobody waits for; the program's end does, and tells what failed. */
  readonly print: (text: string) => void;
}
