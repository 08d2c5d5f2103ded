import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import { check, schemas } from "./schema.ts";
import type { TypedPart } from "./schema.ts";

const { Flag, Short, Part, Pattern } = schemas;
const MAX_STEPS = 8;
/** How much longer normalisers may make a text by replacing, all together. */
const MAX_GROWTH = 16;

/**
 * Regular expressions that a pre-tokenizer may split with. A pattern is code that runs on every prompt, and a hostile one
 * can take exponential time, so only the published ones are let through.
 */
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const tiktoken = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
const KNOWN_PATTERNS: ReadonlySet<string> = new Set([GPT2, tiktoken("\\p{N}{1,3}"), tiktoken("\\p{N}"), "\\p{N}", "\\p{N}+"]);

const Steps = v.pipe(v.array(v.nullable(Part)), v.maxLength(MAX_STEPS));
const PrependSchema = v.object({ prepend: Short });
const ReplaceSchema = v.object({ pattern: v.object({ String: Short }), content: v.pipe(v.string(), v.maxLength(8)) });
const StripSchema = v.object({ strip_left: Flag, strip_right: Flag });
const SplitSchema = v.object({
  pattern: Pattern,
  behavior: v.literal("Isolated", "only Isolated is supported"),
  invert: v.optional(v.literal(false, "is not supported"), false),
});
const ByteLevelSchema = v.object({
  add_prefix_space: v.literal(false, "a prefix space is not supported"),
  use_regex: v.optional(v.boolean(), true),
});
const MetaspaceSchema = v.object({
  replacement: v.pipe(v.string(), v.length(1)),
  prepend_scheme: v.optional(v.picklist(["always", "first", "never"]), "always"),
  split: v.literal(false, "splitting at spaces is not supported"),
});

/** A part's configuration in the form the library takes. */
type LibraryConfig = { type: string } & Record<string, unknown>;

/**
 * Checks the normaliser of tokenizer.json.
 * @throws TokenizerError for a type that is not supported, and for replacements that would blow a text up.
 */
export function normalizerConfig(part: TypedPart | undefined, file: string): LibraryConfig | null {
  if (part === undefined) return null;
  let growth = 1;
  const convert = (step: TypedPart, field: string, nested: boolean): LibraryConfig => {
    switch (step.type) {
      case "Sequence": {
        if (nested) throw unsupported(step.type, file, field);
        return { type: "Sequence", normalizers: steps(step["normalizers"], file, `${field}.normalizers`).map(([inner, where]) => convert(inner, where, true)) };
      }
      case "Prepend":
        return { type: "Prepend", ...check(PrependSchema, step, file, field) };
      case "Replace": {
        const replace = check(ReplaceSchema, step, file, field);
        growth *= Math.max(1, replace.content.length / replace.pattern.String.length);
        if (growth > MAX_GROWTH) throw new TokenizerError(`makes a text more than ${MAX_GROWTH} times longer`, { file, field, limit: MAX_GROWTH });
        return { type: "Replace", ...replace };
      }
      case "Strip":
        return { type: "Strip", ...check(StripSchema, step, file, field) };
      case "NFC":
      case "NFD":
      case "NFKC":
      case "NFKD":
      case "Lowercase":
        return { type: step.type };
      default:
        throw unsupported(step.type, file, field);
    }
  };
  return convert(part, "normalizer", false);
}

/**
 * Checks the pre-tokenizer of tokenizer.json and rewrites what the library reads otherwise than the reference
 * implementation: ByteLevel's own expression and Digits, whose \s and \d mean other characters in JavaScript.
 * @throws TokenizerError for a type, an option or an expression that is not supported.
 */
export function preTokenizerConfig(part: TypedPart | undefined, file: string): LibraryConfig | null {
  if (part === undefined) return null;
  const convert = (step: TypedPart, field: string, nested: boolean): LibraryConfig[] => {
    switch (step.type) {
      case "Sequence":
        if (nested) throw unsupported(step.type, file, field);
        return steps(step["pretokenizers"], file, `${field}.pretokenizers`).flatMap(([inner, where]) => convert(inner, where, true));
      case "ByteLevel": {
        const bytes: LibraryConfig = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
        return check(ByteLevelSchema, step, file, field).use_regex ? [splitAt(GPT2), bytes] : [bytes];
      }
      case "Split": {
        const { pattern } = check(SplitSchema, step, file, field);
        if ("Regex" in pattern && !KNOWN_PATTERNS.has(pattern.Regex)) {
          throw new TokenizerError("this regular expression is not one of the supported ones (GPT-2, Llama 3, Qwen 2)", { file, field: `${field}.pattern.Regex` });
        }
        return [{ type: "Split", pattern, behavior: "Isolated", invert: false }];
      }
      case "Digits": {
        const { individual_digits } = check(v.object({ individual_digits: Flag }), step, file, field);
        return [splitAt(individual_digits === true ? "\\p{N}" : "\\p{N}+")];
      }
      case "Metaspace":
        return [{ type: "Metaspace", ...check(MetaspaceSchema, step, file, field) }];
      default:
        throw unsupported(step.type, file, field);
    }
  };
  return { type: "Sequence", pretokenizers: convert(part, "pre_tokenizer", false) };
}

function splitAt(regex: string): LibraryConfig {
  return { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
}

/** The steps of a Sequence with their field names. */
export function steps(value: unknown, file: string, field: string): [TypedPart, string][] {
  return check(Steps, value, file, field).flatMap((step, i) => (step === null ? [] : [[step, `${field}.${i}`] as [TypedPart, string]]));
}

export function unsupported(type: string, file: string, field: string): TokenizerError {
  return new TokenizerError(`the type ${JSON.stringify(type.slice(0, 40))} is not supported`, { file, field: `${field}.type` });
}
