import { JinjaError } from "./errors.ts";

/** What one rendering may take; no clock, which stands still on some hosts. */
export const RENDER_LIMITS = { steps: 1_000_000, text: 1 << 23, memory: 1 << 25, depth: 400, range: 100_000 } as const;

/** UTF-16 units, or items, that cost as much as a step. */
const UNITS_PER_STEP = 64;

/** Counts what a rendering has taken, and ends it where it is too much. */
export class Budget {
  #steps = 0;
  #memory = 0;
  #depth = 0;

  /** Notes work: one step, or as many as looking at `units` UTF-16 units or items is worth. */
  step(units = 0): void {
    this.#steps += 1 + units / UNITS_PER_STEP;
    if (this.#steps > RENDER_LIMITS.steps) throw new JinjaError(`it takes more than ${RENDER_LIMITS.steps} steps`);
  }

  /**
   * Notes memory before it is taken, and the work to fill it: UTF-16 units of text, eight for an item of a list. All of a rendering
   * counts, also what is let go.
   */
  take(units: number): void {
    this.#memory += units;
    if (!(this.#memory <= RENDER_LIMITS.memory))
      throw new JinjaError(`it makes more than ${RENDER_LIMITS.memory} characters of text and lists`);
    this.step(units);
  }

  /** Notes a text that was made. */
  text(text: string): string {
    this.take(text.length);
    return text;
  }

  /** Notes a list that was made. */
  list<T>(items: T[]): T[] {
    this.take(8 * items.length);
    return items;
  }

  /** Runs what may nest without end: calls, and values in values. */
  nested<T>(run: () => T): T {
    this.enter();
    const result = run();
    this.leave();
    return result;
  }

  enter(): void {
    if (++this.#depth > RENDER_LIMITS.depth) throw new JinjaError(`it nests deeper than ${RENDER_LIMITS.depth}`);
  }

  leave(): void {
    this.#depth--;
  }
}
