/** Time won and lost against plain decoding, in one generation. */
export class Account {
  #spent = 0;
  #lost = 0;

  get spent(): number {
    return this.#spent;
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
   * Plain passes (of `plain` ms) that have to come before something that takes `ms`, of which `risk` may be lost: then the whole loss is at
   * most `tolerance` of all time. 0: it may be done now.
   */
  passesUntil(ms: number, risk: number, tolerance: number, plain: number): number {
    const missing = this.#lost + risk - tolerance * (this.#spent + ms);
    return missing <= 0 ? 0 : Math.ceil(missing / (tolerance * plain));
  }
}
