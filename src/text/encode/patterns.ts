import { BLOOM_WORDS, ENDINGS, GPT2_WORDS, isKnownPattern, SHORT_ENDINGS } from "../../../core/text/patterns.ts";

/** What JavaScript writes otherwise than Oniguruma, outside and inside brackets alike. */
const CLASSES: Readonly<Record<string, string>> = {
  "\\s": "\\p{White_Space}",
  "\\S": "\\P{White_Space}",
  "\\d": "\\p{Nd}",
  "\\w": "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}",
};
/** Endings in any case; Oniguruma folds the long s (U+017F) to s. */
const ANY_CASE: Readonly<Record<string, string>> = {
  [ENDINGS]: "(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])",
  [SHORT_ENDINGS]: "(?:[sSſdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])",
};

function translate(pattern: string): string {
  // JavaScript has no classes in classes.
  if (pattern === BLOOM_WORDS) return " ?[^(\\p{White_Space}|.,!?…。，、।۔،)]+";
  let source = pattern;
  for (const [from, to] of Object.entries(ANY_CASE)) source = source.replaceAll(from, to);
  // Possessive quantifiers: what follows them never matches what they take, so greedy ones are the same.
  source = source.replaceAll("?+", "?").replaceAll("++", "+");
  return source.replace(/\\[sSdw]/g, (name, at: number) => {
    const classes = CLASSES[name]!;
    return name === "\\w" && !insideBrackets(source, at) ? `[${classes}]` : classes;
  });
}

function insideBrackets(source: string, at: number): boolean {
  return source.lastIndexOf("[", at) > source.lastIndexOf("]", at);
}

const compiled = new Map<string, RegExp>();

/** A published pattern as JavaScript has it, global; undefined for others. */
export function knownPattern(pattern: string): RegExp | undefined {
  if (!isKnownPattern(pattern)) return undefined;
  let regex = compiled.get(pattern);
  if (regex === undefined) compiled.set(pattern, (regex = new RegExp(translate(pattern), "gu")));
  return regex;
}

/** GPT-2's own, which ByteLevel uses. */
export const GPT2_PATTERN = knownPattern(GPT2_WORDS)!;

/** A text to find, as a pattern. */
export function literalPattern(text: string): RegExp {
  return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu");
}
