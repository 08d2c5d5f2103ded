import type { Piece } from "../decode/generation.ts";
import type { Logprobs } from "../decode/sampling/logprobs.ts";
import { continueText } from "../decode/plain/output.ts";
import type { Detokenizer } from "../text/stream.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** A token as clients are shown it. */
export interface TokenText {
  readonly token: string;
  readonly bytes: readonly number[];
  readonly logprob: number;
}

export interface AnswerToken extends TokenText {
  readonly top: readonly TokenText[];
  /** Where it begins in the answer, in UTF-16 units. */
  readonly at: number;
}

/**
 * Brings log-probabilities and text together: a token is told with the text that it begins in, so what is held back (an
 * incomplete character, the beginning of a stop text) is held back here too, and what was cut off is never told.
 */
export class LogprobText {
  readonly #tokenizer: Tokenizer;
  readonly #detokenizer: Detokenizer;
  #held: AnswerToken[] = [];
  /** Length of the text of all tokens, and of what was told of it. */
  #length = 0;
  #told = 0;

  constructor(tokenizer: Tokenizer, prompt: ArrayLike<number>) {
    this.#tokenizer = tokenizer;
    this.#detokenizer = continueText(tokenizer, prompt);
  }

  /** Takes a piece. @returns the tokens of the text that is told with it. */
  push(piece: Piece): AnswerToken[] {
    const { logprobs } = piece;
    if (logprobs !== undefined) this.#held.push(this.#describe(logprobs));
    this.#length += this.#detokenizer.push(piece.id).length;
    this.#told += piece.text.length;
    const ready = this.#held.findIndex(({ at }) => at >= this.#told);
    return this.#held.splice(0, ready < 0 ? this.#held.length : ready);
  }

  #describe({ id, logprob, top }: Logprobs): AnswerToken {
    return { ...this.#token(id, logprob), at: this.#length, top: top.map((entry) => this.#token(entry.id, entry.logprob)) };
  }

  #token(id: number, logprob: number): TokenText {
    const bytes = this.#tokenizer.idToBytes(id);
    return { token: readable(bytes), bytes: [...bytes], logprob };
  }
}

/** A token's text; OpenAI's notation where it is only a part of a character. */
function readable(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
  }
}
