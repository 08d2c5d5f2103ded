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
  String.raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+${endings}|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*${endings}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${SPACES}`;

const LLAMA3 = cl100k(String.raw`\p{L}`, String.raw`\p{N}{1,3}`);
const QWEN2 = cl100k(String.raw`\p{L}`, String.raw`\p{N}`);
const QWEN35 = cl100k(String.raw`[\p{L}\p{M}]`, String.raw`\p{N}`, String.raw`\p{M}`);
/** GPT-4o, gpt-oss, Llama 4. */
const O200K = o200k(`${ENDINGS}?`, String.raw`\p{N}{1,3}`);
/** Mistral's. */
const TEKKEN = o200k("", String.raw`\p{N}`);
const HAN = "[一-龥ࠀ-一가-퟿]+";
const BLOOM = String.raw` ?[^(\s|[.,!?…。，、।۔،])]+`;
const DEEPSEEK_V3 = [
  "\\p{N}{1,3}",
  "[一-龥぀-ゟ゠-ヿ]+",
  String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${"`"}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${SPACES}`,
];
const DEEPSEEK_CODER = ["[\r\n]", String.raw`\s?\p{L}+`, String.raw`\s?\p{P}+`, HAN, "\\p{N}"];
/** GGUF files that name no tokenizer. */
const PUNCTUATION = String.raw`[\p{P}\$\+<=>\^~\|]+`;

/** Patterns by the tokenizer that has them, in the order in which a text is split. */
export const PATTERNS = {
  gpt2: [GPT2],
  smollm: ["\\p{N}", GPT2],
  llama3: [LLAMA3],
  qwen2: [QWEN2],
  qwen35: [QWEN35],
  o200k: [O200K],
  tekken: [TEKKEN],
  bloom: [BLOOM],
  viking: [BLOOM, "\\p{N}"],
  deepseekV3: DEEPSEEK_V3,
  deepseekCoder: DEEPSEEK_CODER,
  plain: [PUNCTUATION, GPT2, "\\p{N}+", "[0-9][0-9][0-9]"],
} as const;

const KNOWN: readonly string[] = [
  GPT2,
  LLAMA3,
  QWEN2,
  QWEN35,
  PUNCTUATION,
  // tiktoken's own spelling of cl100k
  String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
  String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
  O200K,
  TEKKEN,
  o200k("", String.raw`\p{N}{1,3}`),
  ...DEEPSEEK_V3,
  ...DEEPSEEK_CODER,
  String.raw`[\r\n]`,
  // CLIP
  String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  // BLOOM, Falcon
  BLOOM,
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
