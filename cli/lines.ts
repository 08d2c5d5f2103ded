import { LimitError } from "../src/errors.ts";
import type { Lines } from "./io.ts";

/** Lines of UTF-8 that comes in parts: a pipe, or a terminal that edits lines by itself. */
export class PipedLines implements Lines {
  readonly #parts: AsyncIterator<Uint8Array>;
  readonly #limit: number;
  readonly #print: ((text: string) => void) | undefined;
  readonly #decoder = new TextDecoder();
  readonly #closed: Promise<undefined>;
  #close!: () => void;
  #isClosed = false;
  #text = "";
  #ended = false;
  #prompt = "";

  /** @param print shows prompts; undefined where nobody types */
  constructor(parts: AsyncIterable<Uint8Array>, limit: number, print?: (text: string) => void) {
    this.#parts = parts[Symbol.asyncIterator]();
    this.#limit = limit;
    this.#print = print;
    this.#closed = new Promise((resolve) => {
      this.#close = () => {
        this.#isClosed = true;
        resolve(undefined);
      };
    });
  }

  async next(prompt: string): Promise<string | undefined> {
    this.#prompt = prompt;
    this.#print?.(prompt);
    for (let from = 0; !this.#isClosed;) {
      const end = this.#text.indexOf("\n", from);
      if (end >= 0) return this.#take(end, end + 1);
      if (this.#ended) return this.#text === "" ? undefined : this.#take(this.#text.length, this.#text.length);
      from = this.#text.length;
      if (from > this.#limit)
        throw new LimitError(`has a line of more than ${this.#limit} bytes`, { file: "standard input", limit: this.#limit });
      const part = await Promise.race([this.#parts.next(), this.#closed]);
      if (part === undefined) return undefined;
      this.#ended = part.done === true;
      this.#text += part.done === true ? this.#decoder.decode() : this.#decoder.decode(part.value, { stream: true });
    }
    return undefined;
  }

  promptAgain(): void {
    this.#print?.(this.#prompt);
  }

  close(): void {
    this.#close();
  }

  #take(end: number, next: number): string {
    const line = this.#text.slice(0, end).replace(/\r$/, "");
    this.#text = this.#text.slice(next);
    return line;
  }
}
