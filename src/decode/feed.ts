import type { Drafter } from "./drafters/drafter.ts";

/** A hidden state that was not kept, or that there never was. */
export const NO_STATE = new Float32Array(0);

/** Tells drafters what was accepted, and late what nobody asks them about yet. */
export class DrafterFeed {
  /** Whether a drafter wants hidden states. */
  readonly needsHidden: boolean;
  /** Newest tokens of which drafters want the states; the states of older ones may be left out. */
  readonly window: number;
  readonly #drafters: readonly Drafter[];
  #waiting: number[] = [];
  readonly #token = [0];
  readonly #state: Float32Array[] = [NO_STATE];

  constructor(drafters: readonly Drafter[]) {
    this.#drafters = drafters;
    this.needsHidden = drafters.some(({ needsHidden }) => needsHidden === true);
    this.window = drafters.reduce((most, { needsHidden, window = Infinity }) => (needsHidden === true ? Math.max(most, window) : most), 1);
  }

  /** A token was accepted, without its state; the drafters hear of it with the next one that is told. */
  wait(token: number): void {
    this.#waiting.push(token);
  }

  tellOne(token: number, state: Float32Array): void {
    this.#token[0] = token;
    this.#state[0] = state;
    this.tell(this.#token, this.#state);
  }

  /** @param hidden a state for each token, as `Drafter.accept` has them; may be left out when no drafter needs them */
  tell(tokens: ArrayLike<number>, hidden?: readonly Float32Array[]): void {
    if (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      this.tell(waiting, this.needsHidden ? waiting.map(() => NO_STATE) : undefined);
    }
    for (const drafter of this.#drafters) {
      if (drafter.needsHidden === true) drafter.accept(tokens, hidden);
      else drafter.accept(tokens);
    }
  }
}
