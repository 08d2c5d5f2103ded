import { UsageError } from "../errors.ts";

/** Limits on stop strings. */
export const STOP_LIMITS = { count: 64, length: 4096 } as const;

/** Watches streamed text for stop strings. */
export interface StopMatcher {
  /** Text that may be printed now; nothing any more once a stop string was found. */
  push(piece: string): string;
  /** The same for a special token, which has no text of its own but may be, or be part of, a stop string. */
  pushSpecial(id: number): string;
  /** The text that was held back because a stop string could have begun there. */
  flush(): string;
  /** A stop string was found. */
  readonly stopped: boolean;
  /** Which one. */
  readonly stop: string | undefined;
}

/** Tells where special tokens are spelled out: as `Tokenizer.specialAt`. */
export interface Specials {
  specialAt(text: string, at: number): { readonly id: number; readonly length: number } | undefined;
}

/** Symbols of special tokens, behind those of UTF-16 units. */
const SPECIAL = 0x10000;

/** One stop string as the symbols that it may come in. */
interface Pattern {
  readonly stop: string;
  readonly symbols: readonly number[];
  readonly failure: Uint32Array;
  /** UTF-16 units of text in its first n symbols. */
  readonly units: readonly number[];
  /** Some of its symbols are special tokens. */
  readonly special: boolean;
}

/**
 * Finds stop strings in text that comes in pieces, wherever the pieces end. The stop string that is complete first wins,
 * the longest if several end together. No part of it is ever returned; text that could be its beginning is held back.
 * A stop string that spells out special tokens is found in both forms: as plain text, and with the tokens themselves.
 *
 * One Knuth-Morris-Pratt automaton a form: O(stop strings) a character, nothing is searched twice.
 * @throws UsageError for empty, too many or too long stop strings.
 */
export function createStopMatcher(stops: readonly string[], specials?: Specials): StopMatcher {
  checkStops(stops);
  const patterns = stops.flatMap((stop) => forms(stop, specials));
  const matched = new Uint32Array(patterns.length);
  let held = "";
  let stopped: string | undefined;

  /** Takes one symbol. @returns the pattern that is complete with it */
  const take = (symbol: number): Pattern | undefined => {
    let longest: Pattern | undefined;
    patterns.forEach((pattern, p) => {
      // Who has no special tokens looks at the text alone.
      if (symbol >= SPECIAL && !pattern.special) return;
      const length = advance(pattern.symbols, pattern.failure, matched[p]!, symbol);
      matched[p] = length;
      if (length === pattern.symbols.length && (longest === undefined || pattern.stop.length > longest.stop.length)) longest = pattern;
    });
    return longest;
  };
  const end = (pattern: Pattern, text: string): string => {
    stopped = pattern.stop;
    held = "";
    return text.slice(0, text.length - pattern.units.at(-1)!);
  };
  const release = (text: string): string => {
    const safe = text.length - patterns.reduce((most, { units }, p) => Math.max(most, units[matched[p]!]!), 0);
    held = text.slice(safe);
    return text.slice(0, safe);
  };

  return {
    push(piece) {
      if (stopped !== undefined) return "";
      const text = held + piece;
      for (let i = held.length; i < text.length; i++) {
        const found = take(text.charCodeAt(i));
        if (found !== undefined) return end(found, text.slice(0, i + 1));
      }
      return release(text);
    },
    pushSpecial(id) {
      if (stopped !== undefined) return "";
      const found = take(SPECIAL + id);
      return found === undefined ? release(held) : end(found, held);
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

/** A stop string as plain text, and with the special tokens that it spells out. */
function forms(stop: string, specials: Specials | undefined): Pattern[] {
  const plain = Array.from({ length: stop.length }, (_, i) => stop.charCodeAt(i));
  const mixed: number[] = [];
  for (let i = 0; i < stop.length;) {
    const found = specials?.specialAt(stop, i);
    mixed.push(found === undefined ? plain[i]! : SPECIAL + found.id);
    i += found?.length ?? 1;
  }
  const all = mixed.length === plain.length ? [plain] : [plain, mixed];
  return all.map((symbols) => {
    const units = [0];
    for (const symbol of symbols) units.push(units.at(-1)! + (symbol < SPECIAL ? 1 : 0));
    return { stop, symbols, failure: failureTable(symbols), units, special: symbols.some((symbol) => symbol >= SPECIAL) };
  });
}

function checkStops(stops: readonly string[]): void {
  if (stops.length > STOP_LIMITS.count) {
    throw new UsageError(`${stops.length} stop strings are too many; the limit is ${STOP_LIMITS.count}`, {
      field: "stop",
      limit: STOP_LIMITS.count,
    });
  }
  stops.forEach((stop, i) => {
    const field = `stop.${i}`;
    if (typeof stop !== "string" || stop === "") throw new UsageError("must be a string that is not empty", { field });
    if (stop.length > STOP_LIMITS.length)
      throw new UsageError(`is longer than ${STOP_LIMITS.length} characters`, { field, limit: STOP_LIMITS.length });
    if (/\p{Surrogate}/u.test(stop)) throw new UsageError("holds half a surrogate pair, which no text has", { field });
  });
}

/** failure[n]: length of the longest proper prefix of the pattern that its first n symbols end with. */
function failureTable(symbols: readonly number[]): Uint32Array {
  const failure = new Uint32Array(symbols.length + 1);
  for (let n = 2; n <= symbols.length; n++) failure[n] = advance(symbols, failure, failure[n - 1]!, symbols[n - 1]!);
  return failure;
}

/** Length of the longest prefix of the pattern that the input ends with after one more symbol. */
function advance(symbols: readonly number[], failure: Uint32Array, matched: number, symbol: number): number {
  let length = matched;
  while (length > 0 && symbols[length] !== symbol) length = failure[length]!;
  return symbols[length] === symbol ? length + 1 : 0;
}
