import type { Drafter } from "../drafters/drafter.ts";

/** What a round does: a plain step (1 node, no drafter), or a tree of a drafter. */
export interface Choice {
  readonly drafter: Drafter | undefined;
  /** Nodes that the tree may have, root included. */
  readonly nodes: number;
}

/** What a round came to. */
export interface Outcome {
  /** Milliseconds of the drafter, and of the rest. */
  readonly draftMs: number;
  readonly verifyMs: number;
  /** What the drafter had put off, as it said before (`arrears`). */
  readonly arrears: number;
  /** Nodes that the tree had; 1 when the drafter had no guess. */
  readonly rows: number;
  /** Depth of the tree in edges. */
  readonly depth: number;
  /** Tokens that came out: the accept length. */
  readonly tokens: number;
}

export const PLAIN: Choice = { drafter: undefined, nodes: 1 };

/** Decides what each round does. Call `choose` before a round and `record` or `recordPlain` after it. */
export interface Policy {
  /** Share of all time that was lost against plain decoding, negative when won; undefined for who keeps no account. */
  readonly lossShare?: number;
  /** Plain steps that `choose` will ask for next, whatever happens. */
  readonly rest: number;
  /** Whether drafters shall be told the states of the plain steps that come. */
  readonly listening: boolean;
  /** @param maxNodes nodes that there is room for, at least 1 */
  choose(maxNodes: number): Choice;
  record(choice: Choice, outcome: Outcome): void;
  /** Plain steps were done before it was asked: their milliseconds in all, and those of the last of them. */
  begin(ms: number, steps: Float64Array): void;
  /** Ends a plain step that took so many milliseconds. */
  recordPlain(ms: number): void;
  /** Time went into what plain decoding does not do, and is in no outcome. */
  overhead(ms: number): void;
  /** Takes note of what a chunk of the prompt cost. */
  observe(rows: number, ms: number): void;
  /** A drafter found no memory: true when it will not be chosen again, false when there is no one else. */
  giveUp(drafter: Drafter): boolean;
}

/** Always the same drafter and size. */
export class FixedPolicy implements Policy {
  readonly rest = 0;
  readonly listening = true;
  readonly #choice: Choice;
  #smaller: Choice;

  constructor(drafter: Drafter, nodes = drafter.nodes) {
    this.#choice = { drafter, nodes };
    this.#smaller = this.#choice;
  }

  choose(maxNodes: number): Choice {
    if (maxNodes >= this.#choice.nodes) return this.#choice;
    if (maxNodes === 1) return PLAIN;
    if (this.#smaller.nodes !== maxNodes) this.#smaller = { drafter: this.#choice.drafter, nodes: maxNodes };
    return this.#smaller;
  }

  record(): void {}

  begin(): void {}

  recordPlain(): void {}

  overhead(): void {}

  observe(): void {}

  giveUp(): boolean {
    return false;
  }
}
