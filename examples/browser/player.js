/**
 * Shows pieces at a pace that eyes can follow: the model is far faster. `show(piece, share)` is called once a frame for the
 * newest token that is due, with the share of its time that has passed, and with 1 for all that came before it.
 */
export class Player {
  #show;
  #queue = [];
  #shown = 0;
  #since = 0;
  #frame = 0;
  #ended = false;
  #drained = () => {};
  /** Tokens a second; 0: all that is there. */
  pace = 30;

  constructor(show) {
    this.#show = show;
  }

  /** Starts over; resolves when all of it was shown. */
  start() {
    cancelAnimationFrame(this.#frame);
    this.#queue = [];
    this.#shown = 0;
    this.#since = performance.now();
    this.#ended = false;
    this.#frame = requestAnimationFrame(this.#tick);
    return new Promise((resolve) => (this.#drained = resolve));
  }

  push(piece) {
    this.#queue.push(piece);
  }

  end() {
    this.#ended = true;
  }

  /** Leaves out what was not shown yet. */
  stop() {
    this.#queue.length = this.#shown;
    this.#ended = true;
  }

  #tick = (now) => {
    const slot = this.pace === 0 ? 0 : 1000 / this.pace;
    while (this.#shown < this.#queue.length && now - this.#since >= slot) {
      this.#show(this.#queue[this.#shown++], 1);
      this.#since = slot === 0 ? now : Math.max(this.#since + slot, now - 500);
    }
    if (this.#shown < this.#queue.length) this.#show(this.#queue[this.#shown], (now - this.#since) / slot);
    else this.#since = Math.max(this.#since, now - slot);
    if (this.#ended && this.#shown === this.#queue.length) this.#drained();
    else this.#frame = requestAnimationFrame(this.#tick);
  };
}
