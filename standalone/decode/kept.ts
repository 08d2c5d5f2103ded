import { Bytes } from "../bytes";
import { failed, takeFailure } from "../failure";
import { LoadedModel } from "../model/instance";
import { Sequence } from "../model/sequence";

/**
 * A sequence that outlives the generations on it: one whose prompt begins with the tokens that it holds computes the rest alone. Mirrors
 * src/decode/kept.ts.
 */
export class KeptSequence {
  /** Tokens of the last prompt that were there already. */
  reused: i32 = 0;
  private sequence: Sequence | null = null;
  /** What the sequence holds, one a row. */
  private tokens: Bytes = new Bytes();

  constructor(private model: LoadedModel) {}

  /** Lends the sequence, with room for `capacity` tokens, cut to what the prompt begins with: its last token is left to compute. */
  take(prompt: Bytes, capacity: i32): Sequence {
    const kept = this.sequence;
    this.sequence = null;
    this.reused = 0;
    if (kept !== null) {
      kept.grow(capacity, this.model.config.contextLength);
      if (!failed()) {
        this.reused = min(min(kept.length, this.common(prompt)), prompt.ints - 1);
        kept.truncate(this.reused);
        return kept;
      }
      // No memory for the old and the new cache at once: all is computed again.
      takeFailure();
      kept.free();
    }
    const sequence = new Sequence(this.model);
    sequence.open(capacity);
    return sequence;
  }

  /** Takes it back. @param tokens what its rows are of, and perhaps more */
  give(sequence: Sequence, tokens: Bytes): void {
    this.sequence = sequence;
    this.tokens.clear();
    this.tokens.append(tokens.at, min(tokens.length, (<u32>sequence.length) << 2));
  }

  free(): void {
    const kept = this.sequence;
    if (kept !== null) kept.free();
    this.sequence = null;
    this.tokens.free();
  }

  private common(prompt: Bytes): i32 {
    const most = min(prompt.ints, this.tokens.ints);
    let length = 0;
    while (length < most && prompt.int(length) === this.tokens.int(length)) length++;
    return length;
  }
}
