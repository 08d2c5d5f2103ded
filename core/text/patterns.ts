// Regular expressions that a tokenizer.json may split or replace with. A pattern is code that runs on every prompt, and a hostile one can
// take exponential time, so only published ones are let through; all of them take time in proportion to the text.

/** GPT-2's own, which ByteLevel uses. */
export const GPT2_WORDS: string = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
/** Endings of English words in any case. */
export const ENDINGS: string = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
/** The same as tiktoken writes it, behind an apostrophe. */
export const SHORT_ENDINGS: string = "(?i:[sdmt]|ll|ve|re)";
/** BLOOM's: its inner bracket opens a class of its own, joined to the outer one. */
export const BLOOM_WORDS: string = " ?[^(\\s|[.,!?…。，、।۔،])]+";

const SPACES = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";

function cl100k(letters: string, digits: string, marks: string): string {
  const words = "[^\\r\\n\\p{L}\\p{N}]?" + letters + "+|" + digits + "| ?[^\\s\\p{L}" + marks + "\\p{N}]+[\\r\\n]*|";
  return ENDINGS + "|" + words + SPACES;
}

function o200k(endings: string, digits: string): string {
  const start = "[^\\r\\n\\p{L}\\p{N}]?";
  const words = start + UPPER + "*" + LOWER + "+" + endings + "|" + start + UPPER + "+" + LOWER + "*" + endings;
  return words + "|" + digits + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" + SPACES;
}

function tiktoken(maybe: string, more: string): string {
  const rest = "\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]" + more + "[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
  return "'" + SHORT_ENDINGS + "|[^\\r\\n\\p{L}\\p{N}]" + maybe + rest;
}

export const LLAMA3_WORDS: string = cl100k("\\p{L}", "\\p{N}{1,3}", "");
export const QWEN2_WORDS: string = cl100k("\\p{L}", "\\p{N}", "");
export const QWEN35_WORDS: string = cl100k("[\\p{L}\\p{M}]", "\\p{N}", "\\p{M}");
export const O200K_WORDS: string = o200k(ENDINGS + "?", "\\p{N}{1,3}");
export const TEKKEN_WORDS: string = o200k("", "\\p{N}");
/** DeepSeek V3's third step. */
export const DEEPSEEK_WORDS: string =
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" + SPACES;
/** Ideographs, as DeepSeek's tokenizers set them apart. */
export const DEEPSEEK_HAN: string = "[一-龥぀-ゟ゠-ヿ]+";
export const CODER_HAN: string = "[一-龥ࠀ-一가-퟿]+";
/** Of GGUF files that name no tokenizer. */
export const PUNCTUATION: string = "[\\p{P}\\$\\+<=>\\^~\\|]+";

const KNOWN: string[] = [
  PUNCTUATION,
  GPT2_WORDS,
  LLAMA3_WORDS,
  QWEN2_WORDS,
  QWEN35_WORDS,
  tiktoken("?+", "++"), // its own spelling of cl100k
  tiktoken("?", "+"),
  O200K_WORDS,
  TEKKEN_WORDS,
  o200k("", "\\p{N}{1,3}"),
  // DeepSeek V3, three steps
  "\\p{N}{1,3}",
  DEEPSEEK_HAN,
  DEEPSEEK_WORDS,
  // DeepSeek Coder, its steps
  "[\r\n]",
  "[\\r\\n]",
  "\\s?\\p{L}+",
  "\\s?\\p{P}+",
  CODER_HAN,
  // CLIP
  "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
  // BLOOM, Falcon
  BLOOM_WORDS,
  "[0-9][0-9][0-9]",
  "\\w+|[^\\w\\s]+",
  "\\p{N}",
  "\\p{N}+",
  "\\d",
  "\\d+",
  "[0-9]",
  "[0-9]+",
  "\\s",
  "\\s+",
  " ",
  " +",
  "\\n",
  "\\n+",
  "\\p{P}",
  "\\p{P}+",
  "\\p{L}",
  "\\p{L}+",
  " {2,}",
  "\\d{1,3}",
  "\\s{2,}",
];

/** Whether a regular expression, by its exact text, is one of those that are let through. */
export function isKnownPattern(pattern: string): bool {
  for (let i = 0; i < KNOWN.length; i++) if (KNOWN[i] == pattern) return true;
  return false;
}
