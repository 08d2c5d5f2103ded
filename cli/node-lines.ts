import type { Interface } from "node:readline";
import type { Lines } from "./io.ts";

/**
 * Lines that people type at a terminal, with editing and the lines before. Between them the terminal is as it was, so Ctrl-C is a signal
 * then.
 */
export class TerminalLines implements Lines {
  #history: string[] = [];
  /** Lines that were pasted together with one before. */
  readonly #waiting: string[] = [];
  #open: Interface | undefined;
  #closed = false;

  async next(prompt: string): Promise<string | undefined> {
    const { createInterface } = await import("node:readline");
    if (this.#closed || this.#waiting.length > 0) return this.#waiting.shift();
    const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt, history: this.#history });
    this.#open = terminal;
    return new Promise((resolve) => {
      terminal.on("history", (history: string[]) => (this.#history = history));
      terminal.on("line", (line) => {
        this.#waiting.push(line);
        // What was pasted comes in one go.
        if (this.#waiting.length === 1) setImmediate(() => terminal.close());
      });
      terminal.on("SIGINT", () => {
        if (terminal.line !== "") {
          terminal.write(null, { ctrl: true, name: "e" });
          terminal.write(null, { ctrl: true, name: "u" });
        } else process.emit("SIGINT");
      });
      terminal.on("close", () => {
        this.#open = undefined;
        // The next one goes on reading; until then nothing keeps the process.
        process.stdin.pause();
        resolve(this.#waiting.shift());
      });
      terminal.prompt();
    });
  }

  promptAgain(): void {
    this.#open?.prompt();
  }

  close(): void {
    this.#closed = true;
    this.#open?.close();
  }
}
