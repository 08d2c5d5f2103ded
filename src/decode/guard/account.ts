/** Time won and lost against plain decoding, in one generation. */
export class Account {
  readonly #credit: number;
  #spent = 0;
  #lost = 0;

  /** @param credit milliseconds that may be lost beyond the tolerance */
  constructor(credit: number) {
    this.#credit = credit;
  }

  get spent(): number {
    return this.#spent;
  }

  /** Milliseconds lost; negative when won. */
  get lost(): number {
    return this.#lost;
  }

  /** Share of all time that was lost; negative when time was won. */
  get lossShare(): number {
    return this.#spent > 0 ? this.#lost / this.#spent : 0;
  }

  /** Something took `ms`, and what it brought takes plain decoding `plainMs`. */
  add(ms: number, plainMs: number): void {
    this.#spent += ms;
    this.#lost += ms - plainMs;
  }

  /**
   * Milliseconds of plain decoding that have to come before something that takes `ms`, of which `risk` may be lost: then the whole loss
   * is at
   * most `tolerance` of all time, and the credit. 0 or less: it may be done now.
   */
  wait(ms: number, risk: number, tolerance: number): number {
    return (this.#lost - this.#credit + risk) / tolerance - this.#spent - ms;
  }
}
