/** A word, and whether it begins where the whole input begins. */
export interface Word {
  readonly text: string;
  readonly first: boolean;
}

/** What becomes of the places where a pattern matches (`SplitDelimiterBehavior` of tokenizers). */
export type Behavior = "Removed" | "Isolated" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

interface Span {
  start: number;
  end: number;
  match: boolean;
}

/**
 * Splits a text at a global pattern; empty words are left out.
 * @param invert takes what lies between the matches for the matches
 */
export function* splitBy(text: string, pattern: RegExp, behavior: Behavior, invert: boolean, first: boolean): Generator<Word, void, void> {
  const word = (span: Span): Word => ({ text: text.slice(span.start, span.end), first: first && span.start === 0 });
  let held: Span | undefined;
  // Whether the span seen last is a match, which a merged one no longer tells.
  let after = false;
  for (const span of spans(text, pattern, invert)) {
    if (behavior === "Removed") {
      if (!span.match) yield word(span);
      continue;
    }
    if (held !== undefined && joins(behavior, after, span.match)) {
      held.end = span.end;
    } else {
      if (held !== undefined) yield word(held);
      held = span;
    }
    after = span.match;
  }
  if (held !== undefined) yield word(held);
}

/** Whether a span goes on the word before it. */
function joins(behavior: Behavior, before: boolean, match: boolean): boolean {
  switch (behavior) {
    case "MergedWithPrevious":
      return match && !before;
    case "MergedWithNext":
      return before && !match;
    case "Contiguous":
      return before === match;
    default:
      return false;
  }
}

function* spans(text: string, pattern: RegExp, invert: boolean): Generator<Span, void, void> {
  // A copy: who reads lazily must not share `lastIndex`.
  const regex = new RegExp(pattern);
  let end = 0;
  for (let found = regex.exec(text); found !== null; found = regex.exec(text)) {
    const length = found[0].length;
    if (length === 0) {
      regex.lastIndex++;
      continue;
    }
    if (found.index > end) yield { start: end, end: found.index, match: invert };
    end = found.index + length;
    yield { start: found.index, end, match: !invert };
  }
  if (end < text.length) yield { start: end, end: text.length, match: invert };
}
