/**
 * Regular expressions that a file may split or replace with. A pattern is code that runs on every prompt, and a hostile one
 * can take exponential time, so only published ones are let through; all of them take time in proportion to the text.
 */
const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

const ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const SPACES = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const cl100k = (letters: string, digits: string, marks = ""): string =>
  String.raw`${ENDINGS}|[^\r\n\p{L}\p{N}]?${letters}+|${digits}| ?[^\s\p{L}${marks}\p{N}]+[\r\n]*|${SPACES}`;

const UPPER = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
const LOWER = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
const o200k = (endings: string, digits: string): string =>
  String.raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+${endings}|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*${endings}|` +
  String.raw`${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${SPACES}`;

const KNOWN: readonly string[] = [
  GPT2,
  cl100k(String.raw`\p{L}`, String.raw`\p{N}{1,3}`), // Llama 3
  cl100k(String.raw`\p{L}`, String.raw`\p{N}`), // Qwen 2
  cl100k(String.raw`[\p{L}\p{M}]`, String.raw`\p{N}`, String.raw`\p{M}`), // Qwen 3.5
  // tiktoken's own spelling of cl100k
  String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
  String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
  o200k(`${ENDINGS}?`, String.raw`\p{N}{1,3}`), // GPT-4o, gpt-oss, Llama 4
  o200k("", String.raw`\p{N}`), // Mistral's Tekken
  o200k("", String.raw`\p{N}{1,3}`),
  // DeepSeek V3, three steps
  "\\p{N}{1,3}",
  "[一-龥぀-ゟ゠-ヿ]+",
  String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${"`"}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${SPACES}`,
  // DeepSeek Coder, its steps
  "[\r\n]",
  String.raw`[\r\n]`,
  String.raw`\s?\p{L}+`,
  String.raw`\s?\p{P}+`,
  "[一-龥ࠀ-一가-퟿]+",
  // CLIP
  String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  // BLOOM, Falcon
  String.raw` ?[^(\s|[.,!?…。，、।۔،])]+`,
  "[0-9][0-9][0-9]",
  String.raw`\w+|[^\w\s]+`,
  ...["\\p{N}", "\\d", "[0-9]", "\\s", " ", "\\n", "\\p{P}", "\\p{L}"].flatMap((one) => [one, `${one}+`]),
  " {2,}",
  "\\d{1,3}",
  "\\s{2,}",
];

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
  "(?i:[sdmt]|ll|ve|re)": "(?:[sSſdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])",
};

function translate(pattern: string): string {
  // In BLOOM's class the inner bracket opens a class of its own, joined to the outer one.
  if (pattern.startsWith(" ?[^(")) return " ?[^(\\p{White_Space}|.,!?…。，、।۔،)]+";
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
  if (!KNOWN.includes(pattern)) return undefined;
  let regex = compiled.get(pattern);
  if (regex === undefined) compiled.set(pattern, (regex = new RegExp(translate(pattern), "gu")));
  return regex;
}

/** GPT-2's own, which ByteLevel uses. */
export const GPT2_PATTERN = knownPattern(GPT2)!;

/** A text to find, as a pattern. */
export function literalPattern(text: string): RegExp {
  return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "gu");
}
