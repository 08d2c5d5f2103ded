import * as v from "valibot";
import { TokenizerError } from "../../errors.ts";
import { check, schemas } from "../schema.ts";
import type { TypedPart } from "../schema.ts";
import { byteCharacters, WORD } from "./characters.ts";
import { flatSteps, hasStep, unsupported } from "./parts.ts";
import { GPT2_PATTERN, knownPattern, literalPattern } from "./patterns.ts";
import { splitBy, type Behavior, type Word } from "./split.ts";

const { Flag, Pattern } = schemas;

/** Makes words of a text, as lazily as they are asked for. `first`: the text begins where the whole input begins. */
export type PreTokenizer = (text: string, first: boolean) => Iterable<Word>;

const BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
const SplitSchema = v.object({ pattern: Pattern, behavior: v.picklist(BEHAVIORS), invert: Flag });
const ByteLevelSchema = v.object({ add_prefix_space: v.optional(v.boolean(), true), use_regex: v.optional(v.boolean(), true) });
const OneCharacter = v.pipe(
  v.string(),
  v.check((text) => [...text].length === 1, "must be one character"),
);
const MetaspaceSchema = v.object({
  replacement: OneCharacter,
  prepend_scheme: v.optional(v.picklist(["always", "first", "never"])),
  add_prefix_space: v.optional(v.nullable(v.boolean())),
  split: v.optional(v.nullable(v.boolean()), true),
});
const DelimiterSchema = v.object({ delimiter: OneCharacter });
const PunctuationSchema = v.object({ behavior: v.optional(v.picklist(BEHAVIORS), "Isolated") });
const DigitsSchema = v.object({ individual_digits: Flag });
const FixedLengthSchema = v.object({ length: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 5) });

const SPACE = /\p{White_Space}/gu;
const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/gu;
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, "gu");

/**
 * Reads the pre-tokenizer of tokenizer.json; every type of `tokenizers` but UnicodeScripts.
 * @throws TokenizerError for a type, an option or an expression that is not supported.
 */
export function readPreTokenizer(part: TypedPart | undefined, file: string): PreTokenizer | undefined {
  if (part === undefined) return undefined;
  const chain = flatSteps(part, "pretokenizers", file, "pre_tokenizer").flatMap(([step, field]) => readStep(step, file, field));
  return chain.length === 0 ? undefined : chain.reduce(compose);
}

function compose(outer: PreTokenizer, inner: PreTokenizer): PreTokenizer {
  return function* (text, first) {
    for (const word of outer(text, first)) yield* inner(word.text, word.first);
  };
}

function readStep(step: TypedPart, file: string, field: string): PreTokenizer[] {
  switch (step.type) {
    case "ByteLevel": {
      const { add_prefix_space: prefix, use_regex: words } = check(ByteLevelSchema, step, file, field);
      const chain: PreTokenizer[] = [];
      if (prefix) chain.push(map((text) => (text.startsWith(" ") ? text : ` ${text}`)));
      if (words) chain.push(split(GPT2_PATTERN, "Isolated"));
      return [...chain, map(byteCharacters)];
    }
    case "Split": {
      const { pattern, behavior, invert } = check(SplitSchema, step, file, field);
      const regex = "String" in pattern ? literalPattern(pattern.String) : knownPattern(pattern.Regex);
      if (regex !== undefined) return [split(regex, behavior, invert === true)];
      throw new TokenizerError("this regular expression is not one of the supported ones (those of published models)", {
        file,
        field: `${field}.pattern.Regex`,
      });
    }
    case "Metaspace":
      return metaspace(check(MetaspaceSchema, step, file, field), file, field);
    case "Digits":
      return [split(/\p{N}/gu, check(DigitsSchema, step, file, field).individual_digits === true ? "Isolated" : "Contiguous")];
    case "Whitespace":
      return [split(WORDS, "Removed", true)];
    case "WhitespaceSplit":
      return [split(SPACE, "Removed")];
    case "BertPreTokenizer":
      return [split(SPACE, "Removed"), split(PUNCTUATION, "Isolated")];
    case "CharDelimiterSplit":
      return [split(literalPattern(check(DelimiterSchema, step, file, field).delimiter), "Removed")];
    case "Punctuation":
      return [split(PUNCTUATION, check(PunctuationSchema, step, file, field).behavior)];
    case "FixedLength": {
      const { length } = check(FixedLengthSchema, step, file, field);
      return [split(new RegExp(`[^]{1,${Math.min(length, 0xffff)}}`, "gu"), "Isolated")];
    }
    default:
      throw unsupported(step.type, file, field);
  }
}

/** Whether some of a text may be in none of its words. */
export function removesText(part: TypedPart): boolean {
  return (
    hasStep(part, "Whitespace", "WhitespaceSplit", "BertPreTokenizer", "CharDelimiterSplit") || JSON.stringify(part).includes('"Removed"')
  );
}

function split(pattern: RegExp, behavior: Behavior, invert = false): PreTokenizer {
  return (text, first) => splitBy(text, pattern, behavior, invert, first);
}

function map(change: (text: string) => string): PreTokenizer {
  return (text, first) => [{ text: change(text), first }];
}

function metaspace(options: v.InferOutput<typeof MetaspaceSchema>, file: string, field: string): PreTokenizer[] {
  const { replacement, add_prefix_space: legacy, prepend_scheme: scheme = legacy === false ? "never" : "always" } = options;
  if (legacy === false && scheme !== "never")
    throw new TokenizerError("contradicts add_prefix_space", { file, field: `${field}.prepend_scheme` });
  const mark: PreTokenizer = (text, first) => {
    const marked = text.replaceAll(" ", () => replacement);
    const prefix = scheme === "always" || (scheme === "first" && first);
    return [{ text: prefix && !marked.startsWith(replacement) ? replacement + marked : marked, first }];
  };
  return options.split === false ? [mark] : [mark, split(literalPattern(replacement), "MergedWithNext")];
}
