import { UsageError } from "../errors.ts";

/** Limits on stop strings. */
export const STOP_LIMITS = { count: 64, length: 4096 } as const;

/** Watches streamed text for stop strings. */
export interface StopMatcher {
  /** Text that may be printed now; nothing any more once a stop string was found. */
  push(piece: string): string;
  /** The text that was held back because a stop string could have begun there. */
  flush(): string;
  /** A stop string was found. */
  readonly stopped: boolean;
  /** Which one. */
  readonly stop: string | undefined;
}

/**
 * Finds stop strings in text that comes in pieces, wherever the pieces end. The stop string that is complete first wins,
 * the longest if several end together. No part of it is ever returned; text that could be its beginning is held back.
 *
 * One Knuth-Morris-Pratt automaton a stop string: O(stop strings) a character, nothing is searched twice.
 * @throws UsageError for empty, too many or too long stop strings.
 */
export function createStopMatcher(stops: readonly string[]): StopMatcher {
  checkStops(stops);
  const tables = stops.map(failureTable);
  const matched = new Uint32Array(stops.length);
  let held = "";
  let stopped: string | undefined;

  return {
    push(piece) {
      if (stopped !== undefined) return "";
      const text = held + piece;
      for (let i = held.length; i < text.length; i++) {
        let longest = -1;
        for (let s = 0; s < stops.length; s++) {
          const stop = stops[s]!;
          const length = advance(stop, tables[s]!, matched[s]!, text[i]!);
          matched[s] = length;
          if (length === stop.length && (longest < 0 || stop.length > stops[longest]!.length)) longest = s;
        }
        if (longest >= 0) {
          stopped = stops[longest]!;
          held = "";
          return text.slice(0, i + 1 - stopped.length);
        }
      }
      const safe = text.length - matched.reduce((longest, length) => Math.max(longest, length), 0);
      held = text.slice(safe);
      return text.slice(0, safe);
    },
    flush() {
      const rest = held;
      held = "";
      matched.fill(0);
      return rest;
    },
    get stopped() {
      return stopped !== undefined;
    },
    get stop() {
      return stopped;
    },
  };
}

function checkStops(stops: readonly string[]): void {
  if (stops.length > STOP_LIMITS.count) {
    throw new UsageError(`${stops.length} stop strings are too many; the limit is ${STOP_LIMITS.count}`, { field: "stop", limit: STOP_LIMITS.count });
  }
  stops.forEach((stop, i) => {
    const field = `stop.${i}`;
    if (typeof stop !== "string" || stop === "") throw new UsageError("must be a string that is not empty", { field });
    if (stop.length > STOP_LIMITS.length) throw new UsageError(`is longer than ${STOP_LIMITS.length} characters`, { field, limit: STOP_LIMITS.length });
    if (/\p{Surrogate}/u.test(stop)) throw new UsageError("holds half a surrogate pair, which no text has", { field });
  });
}

/** failure[n]: length of the longest proper prefix of the stop string that its first n characters end with. */
function failureTable(stop: string): Uint32Array {
  const failure = new Uint32Array(stop.length + 1);
  for (let n = 2; n <= stop.length; n++) failure[n] = advance(stop, failure, failure[n - 1]!, stop[n - 1]!);
  return failure;
}

/** Length of the longest prefix of `stop` that the text ends with after one more character. */
function advance(stop: string, failure: Uint32Array, matched: number, char: string): number {
  let length = matched;
  while (length > 0 && stop[length] !== char) length = failure[length]!;
  return stop[length] === char ? length + 1 : 0;
}
