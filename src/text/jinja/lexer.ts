import { JinjaError } from "./errors.ts";
import { unescape } from "./escapes.ts";

/** A piece of a template. */
export interface Token {
  readonly type: "text" | "output" | "output end" | "block" | "block end" | "name" | "string" | "integer" | "float" | "operator" | "end";
  readonly value: string;
  /** Where it ends in the source. */
  readonly at: number;
}

const NAME = /[\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}\p{No}]+/uy;
const FLOAT = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/y;
const INTEGER = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const STRING = /'[^'\\]*(?:\\[^][^'\\]*)*'|"[^"\\]*(?:\\[^][^"\\]*)*"/y;
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y;
const RAW = /\s*raw\s*(-%\}\s*|%\})/uy;
const RAW_END = /\{%([-+]?)\s*endraw\s*(?:\+%\}|-%\}\s*|%\}\n?)/g;
const CLOSES: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/**
 * Cuts a template into tokens as jinja2's lexer does with `trim_blocks` and `lstrip_blocks`: line ends become "\n", one at the
 * end goes, so does the first one after a block or comment, and white space before one that begins a line. Takes time in
 * proportion to the source.
 */
export class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #lineStarting = true;

  constructor(source: string) {
    this.#source = source.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  }

  /** @throws JinjaError naming the line. */
  tokens(): Token[] {
    while (this.#at < this.#source.length) this.#next();
    this.#add("end", "");
    return this.#tokens;
  }

  /** The line of a place, from 1. */
  lineOf(at: number): number {
    return this.#source.slice(0, at).split("\n").length;
  }

  /** Text up to the next tag, and the tag. */
  #next(): void {
    const source = this.#source;
    const start = this.#at;
    let open = source.indexOf("{", start);
    while (open >= 0 && !"%#{".includes(source[open + 1] ?? " ")) open = source.indexOf("{", open + 1);
    if (open < 0) {
      this.#add("text", source.slice(start));
      this.#at = source.length;
      return;
    }
    const kind = source[open + 1]!;
    const sign = source[open + 2] === "-" || source[open + 2] === "+" ? source[open + 2]! : "";
    this.#add("text", this.#beforeTag(source.slice(start, open), sign, kind === "{"));
    this.#at = open + 2 + sign.length;
    if (kind === "#") return this.#comment();
    if (kind === "%" && this.#match(RAW) !== undefined) return this.#raw();
    this.#add(kind === "{" ? "output" : "block", "");
    this.#inside(kind === "{");
  }

  /** The text before a tag, less the white space that the tag takes. */
  #beforeTag(text: string, sign: string, output: boolean): string {
    if (sign === "-") return trimEnd(text);
    if (sign === "+" || output) return text;
    const line = text.lastIndexOf("\n") + 1;
    const blank = (line > 0 || this.#lineStarting) && trimEnd(text.slice(line)) === "";
    return blank ? text.slice(0, line) : text;
  }

  #comment(): void {
    const end = this.#source.indexOf("#}", this.#at);
    if (end < 0) throw this.#error("a comment has no end");
    const sign = end > this.#at ? this.#source[end - 1]! : "";
    this.#at = end + 2;
    this.#afterTag(sign);
  }

  #raw(): void {
    RAW_END.lastIndex = this.#at;
    const end = RAW_END.exec(this.#source);
    if (end === null) throw this.#error("a raw block has no end");
    this.#lineStarting = this.#source[this.#at - 1] === "\n";
    this.#add("text", this.#beforeTag(this.#source.slice(this.#at, end.index), end[1]!, false));
    this.#at = RAW_END.lastIndex;
    this.#lineStarting = this.#source[this.#at - 1] === "\n";
  }

  /** White space behind the end of a block or comment. */
  #afterTag(sign: string): void {
    if (sign === "-") this.#skipSpaces();
    else if (sign !== "+" && this.#source[this.#at] === "\n") this.#at++;
    this.#lineStarting = this.#source[this.#at - 1] === "\n";
  }

  #inside(output: boolean): void {
    const open: string[] = [];
    const close = output ? "}}" : "%}";
    for (;;) {
      this.#skipSpaces();
      if (this.#at >= this.#source.length) throw this.#error(`a tag has no end; expected ${close}`);
      if (open.length === 0) {
        const here = this.#source[this.#at]!;
        const sign = (here === "-" || (here === "+" && !output)) && this.#source.startsWith(close, this.#at + 1) ? here : "";
        if (this.#source.startsWith(close, this.#at + sign.length)) {
          this.#add(output ? "output end" : "block end", "");
          this.#at += sign.length + 2;
          if (!output) return this.#afterTag(sign);
          if (sign === "-") this.#skipSpaces();
          this.#lineStarting = this.#source[this.#at - 1] === "\n";
          return;
        }
      }
      this.#token(open);
    }
  }

  #token(open: string[]): void {
    const float = this.#source[this.#at - 1] === "." ? undefined : this.#match(FLOAT);
    if (float !== undefined) return this.#add("float", float.replaceAll("_", ""));
    const integer = this.#match(INTEGER);
    if (integer !== undefined) return this.#add("integer", integer.replaceAll("_", "").toLowerCase());
    const name = this.#match(NAME);
    if (name !== undefined) return this.#add("name", name);
    const string = this.#match(STRING);
    if (string !== undefined) return this.#add("string", unescape(string.slice(1, -1)));
    const operator = this.#match(OPERATOR);
    if (operator === undefined) throw this.#error(`unexpected character ${JSON.stringify(this.#source[this.#at])}`);
    if (operator in CLOSES) open.push(CLOSES[operator]!);
    else if (")]}".includes(operator) && open.pop() !== operator) throw this.#error(`unexpected ${operator}`);
    this.#add("operator", operator);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #skipSpaces(): void {
    while (this.#at < this.#source.length && isSpace(this.#source.charCodeAt(this.#at))) this.#at++;
  }

  #add(type: Token["type"], value: string): void {
    if (type !== "text" || value !== "") this.#tokens.push({ type, value, at: this.#at });
  }

  #error(message: string): JinjaError {
    return new JinjaError(`line ${this.lineOf(this.#at)}: ${message}`);
  }
}

/** Python's `str.isspace`, also `\s` of its regular expressions. */
export function isSpace(code: number): boolean {
  if (code <= 0x20) return (code >= 9 && code <= 13) || (code >= 0x1c && code <= 0x20);
  if (code < 0x1680) return code === 0x85 || code === 0xa0;
  return (
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}
