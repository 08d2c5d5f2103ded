import type { StopMatcher } from "../../text/stop.ts";
import { createDetokenizer, type Detokenizer } from "../../text/stream.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import type { FinishReason, Piece } from "../generation.ts";
import type { ResolvedOptions } from "../options.ts";

/** What a generation has said so far: takes tokens one by one, makes text of them and knows when to end. */
export class Output {
  readonly tokens: number[] = [];
  text = "";
  /** Why it ended; undefined while it goes on. */
  finish: FinishReason | undefined;
  readonly #options: ResolvedOptions;
  readonly #promptTokens: number;
  readonly #capacity: number;
  readonly #eosTokenIds: readonly number[];
  readonly #detokenizer: Detokenizer | undefined;
  readonly #stop: StopMatcher | undefined;
  readonly #specialIds: ReadonlySet<number> | undefined;

  /** @param capacity tokens that the KV cache may hold */
  constructor(
    tokenizer: Tokenizer | undefined,
    prompt: Uint32Array,
    options: ResolvedOptions,
    capacity: number,
    eosTokenIds: readonly number[],
  ) {
    this.#options = options;
    this.#promptTokens = prompt.length;
    this.#capacity = capacity;
    this.#eosTokenIds = eosTokenIds;
    this.#detokenizer = tokenizer === undefined ? undefined : continueText(tokenizer, prompt);
    this.#stop = options.stop;
    this.#specialIds = tokenizer?.specialIds;
  }

  /** Takes a new token: its text, and whether it is the last one. */
  accept(id: number): Piece {
    const index = this.tokens.push(id) - 1;
    const eos = !this.#options.ignoreEos && this.#eosTokenIds.includes(id);
    // The end is no text, even where tokenizer.json does not call it special.
    let text = eos ? "" : (this.#detokenizer?.push(id) ?? "");
    if (this.#stop !== undefined) text = !eos && this.#specialIds?.has(id) === true ? this.#stop.pushSpecial(id) : this.#stop.push(text);
    this.finish = eos
      ? "eos"
      : this.#stop?.stopped === true
        ? "stop"
        : this.tokens.length >= this.#options.maxTokens
          ? "length"
          : // The cache then holds the prompt and all new tokens but this one.
            this.#promptTokens + index >= this.#capacity
            ? "context"
            : undefined;
    if (this.finish !== undefined && this.finish !== "stop") text += this.#rest();
    this.text += text;
    return { text, id, index };
  }

  /** Text held back for more that will not come. */
  #rest(): string {
    const text = this.#detokenizer?.flush() ?? "";
    return this.#stop === undefined ? text : this.#stop.push(text) + this.#stop.flush();
  }
}

/** After text, a leading space is part of the answer; after special tokens alone, the answer is the start of a text. */
export function continueText(tokenizer: Tokenizer, prompt: ArrayLike<number>): Detokenizer {
  return createDetokenizer(tokenizer, { continuation: Array.from(prompt).some((id) => !tokenizer.specialIds.has(id)) });
}
