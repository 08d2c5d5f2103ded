/** Longest span whose repetition counts as a loop, in tokens. */
const LONGEST = 50;
/** A loop covers at least this many tokens, and its span stands at least three times. */
const LEAST = 24;

/**
 * Whether an answer has gone round in a circle: a span of 1 to 50 tokens back to back, at least 3 times and over 24 tokens or more. The
 * rule of
 * the chat model's card.
 */
export function loops(tokens: ArrayLike<number>): boolean {
  for (let span = 1; span <= LONGEST; span++) {
    let same = 0;
    for (let i = span; i < tokens.length; i++) {
      same = tokens[i] === tokens[i - span] ? same + 1 : 0;
      if (same + span >= Math.max(3 * span, LEAST)) return true;
    }
  }
  return false;
}
