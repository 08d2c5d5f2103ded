import { JinjaError } from "./errors.ts";
import { Lexer, type Token } from "./lexer.ts";

/** How deep expressions, and blocks, may nest in each other. */
const MAX_DEPTH = 100;

/** The tokens of a template, read from left to right. */
export class Cursor {
  readonly #lexer: Lexer;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(source: string) {
    this.#lexer = new Lexer(source);
    this.#tokens = this.#lexer.tokens();
  }

  get current(): Token {
    return this.#tokens[this.#next]!;
  }

  get following(): Token {
    return this.#tokens[this.#next + 1] ?? this.current;
  }

  take(): Token {
    const token = this.current;
    if (token.type !== "end") this.#next++;
    return token;
  }

  /** Whether an operator, or a name, is next. */
  is(type: Token["type"], value?: string): boolean {
    return this.current.type === type && (value === undefined || this.current.value === value);
  }

  /** Takes the token if it is next. */
  skip(type: Token["type"], value?: string): boolean {
    const found = this.is(type, value);
    if (found) this.#next++;
    return found;
  }

  expect(type: Token["type"], value?: string): string {
    if (!this.is(type, value))
      throw this.error(
        `expected ${value ?? type}, found ` +
          `${this.current.value === "" ? this.current.type : JSON.stringify(this.current.value.slice(0, 40))}`,
      );
    return this.take().value;
  }

  /** Runs what may nest. */
  nested<T>(run: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw this.error(`nests deeper than ${MAX_DEPTH}`);
    const result = run();
    this.#depth--;
    return result;
  }

  error(message: string): JinjaError {
    return new JinjaError(`line ${this.#lexer.lineOf(this.current.at)}: ${message}`);
  }
}
