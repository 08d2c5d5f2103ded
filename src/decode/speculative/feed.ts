import type { Drafter } from "../drafters/drafter.ts";

/** A hidden state that was not kept, or that there never was. */
export const NO_STATE = new Float32Array(0);

/** Tells drafters what was accepted: late, and without its state, what nobody asked them about. */
export class DrafterFeed {
  /** Whether a drafter wants hidden states. */
  readonly needsHidden: boolean;
  readonly #drafters: readonly Drafter[];
  /** New tokens that they know. */
  #told = 0;
  readonly #token = [0];
  readonly #state: Float32Array[] = [NO_STATE];

  constructor(drafters: readonly Drafter[]) {
    this.#drafters = drafters;
    this.needsHidden = drafters.some(({ needsHidden }) => needsHidden === true);
  }

  /** Tokens before the first new one. @param hidden as `Drafter.accept` has them; left out: not kept */
  tellPrompt(tokens: ArrayLike<number>, hidden?: readonly Float32Array[]): void {
    for (const drafter of this.#drafters) {
      if (drafter.needsHidden === true) drafter.accept(tokens, hidden ?? Array.from(tokens, () => NO_STATE));
      else drafter.accept(tokens);
    }
  }

  /**
   * The new tokens after those in `all`, all new tokens so far.
   * @param hidden a state for each, where there is a drafter that needs them
   */
  tell(all: readonly number[], tokens: readonly number[], hidden?: readonly Float32Array[]): void {
    this.catchUp(all);
    this.tellPrompt(tokens, hidden);
    this.#told += tokens.length;
  }

  tellOne(all: readonly number[], token: number, state: Float32Array): void {
    this.#token[0] = token;
    this.#state[0] = state;
    this.tell(all, this.#token, this.#state);
  }

  /** Tells what was left out of all new tokens so far. */
  catchUp(all: readonly number[]): void {
    if (this.#told >= all.length) return;
    this.tellPrompt(all.slice(this.#told));
    this.#told = all.length;
  }
}
