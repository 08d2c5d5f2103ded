import { LimitError, UsageError } from "../errors.ts";
import type { LoadedModel, Sequence } from "../engine/types.ts";

/**
 * A sequence that outlives the generations on it: one whose prompt begins with the tokens that it holds computes the rest alone. Rows have
 * the same bits whatever chunks they came in, so what follows is what a new sequence would give.
 */
export class KeptSequence {
  readonly #model: LoadedModel;
  #sequence: Sequence | undefined;
  /** What the sequence holds, one a row. */
  #tokens: readonly number[] = [];
  #taken = false;
  #disposed = false;
  #reused = 0;
  /** That of the model that drafts for this one. */
  #draft: { readonly model: LoadedModel; readonly kept: KeptSequence } | undefined;

  constructor(model: LoadedModel) {
    this.#model = model;
  }

  /** Tokens that it holds. */
  get length(): number {
    return this.#tokens.length;
  }

  /** Tokens of the last prompt that were there already. */
  get reused(): number {
    return this.#reused;
  }

  /** What is kept of a model that drafts for this one; it goes with this one. */
  draftOf(model: LoadedModel): KeptSequence {
    if (this.#draft?.model !== model) {
      this.#draft?.kept.dispose();
      this.#draft = { model, kept: new KeptSequence(model) };
    }
    return this.#draft.kept;
  }

  /**
   * Lends the sequence to a generation, cut to what its prompt begins with; at least the prompt's last token is left to compute.
   * @param capacity tokens that it has to hold
   * @throws UsageError while another generation has it; MemoryError when there is no memory.
   */
  take(prompt: ArrayLike<number>, capacity: number): Sequence {
    if (this.#disposed) throw new UsageError("the chat is disposed; make another one");
    if (this.#taken) throw new UsageError("an answer of this chat is under way; wait for its end, or abort it");
    const sequence = this.#grown(this.#sequence, capacity) ?? this.#model.newSequence({ capacity });
    this.#reused = Math.min(sequence.length, commonStart(this.#tokens, prompt), prompt.length - 1);
    sequence.truncate(this.#reused);
    this.#sequence = undefined;
    this.#tokens = [];
    this.#taken = true;
    return sequence;
  }

  /** Takes it back. @param tokens what its rows are of, and perhaps more; undefined where that is not known */
  give(sequence: Sequence, tokens: readonly number[] | undefined): void {
    this.#taken = false;
    if (tokens === undefined || this.#disposed) {
      sequence.dispose();
      return;
    }
    // Drafts that were confirmed but not told any more.
    if (sequence.length > tokens.length) sequence.truncate(tokens.length);
    this.#sequence = sequence;
    this.#tokens = tokens.slice(0, sequence.length);
  }

  /** Frees it; a generation that has it frees it at its end. */
  dispose(): void {
    this.#disposed = true;
    this.#draft?.kept.dispose();
    this.#sequence?.dispose();
    this.#sequence = undefined;
    this.#tokens = [];
  }

  /** The sequence with room; undefined when there is none, or no memory for the old and the new one at once: all is then computed again. */
  #grown(sequence: Sequence | undefined, capacity: number): Sequence | undefined {
    try {
      sequence?.grow(capacity);
      return sequence;
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
      sequence?.dispose();
      this.#sequence = undefined;
      this.#tokens = [];
      return undefined;
    }
  }
}

function commonStart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
