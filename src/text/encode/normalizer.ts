import * as v from "valibot";
import { TokenizerError } from "../../errors.ts";
import { check, schemas } from "../schema.ts";
import type { TypedPart } from "../schema.ts";
import { byteCharacters, WHITE_SPACE } from "./characters.ts";
import { flatSteps, unsupported } from "./parts.ts";
import { knownPattern, literalPattern } from "./patterns.ts";

const { Flag, Short, Pattern } = schemas;
/** How much longer normalisers may make a text by replacing, all together. */
const MAX_GROWTH = 16;
/** Most characters that composing (NFC, NFKC) makes one of. */
const COMPOSED = 4;

type Step = (text: string) => string;

/** What tokenizer.json does to a text before it is split. */
export interface Normalizer {
  apply(text: string): string;
  /** A text of n UTF-16 units keeps n / shrink of them at least; Infinity when nothing is sure. */
  readonly shrink: number;
}

const PrependSchema = v.object({ prepend: Short });
const ReplaceSchema = v.object({ pattern: Pattern, content: v.pipe(v.string(), v.maxLength(8)) });
const StripSchema = v.object({ strip_left: Flag, strip_right: Flag });
const On = v.optional(v.nullable(v.boolean()), true);
const BertSchema = v.object({
  clean_text: On,
  handle_chinese_chars: On,
  strip_accents: v.optional(v.nullable(v.boolean())),
  lowercase: On,
});

/**
 * Reads the normaliser of tokenizer.json; every type of `tokenizers` but Precompiled.
 * @throws TokenizerError for a type that is not supported, and for replacements that would blow a text up.
 */
export function readNormalizer(part: TypedPart | undefined, file: string): Normalizer {
  const run: Step[] = [];
  let growth = 1;
  let shrink = 1;
  for (const [step, field] of part === undefined ? [] : flatSteps(part, "normalizers", file, "normalizer")) {
    switch (step.type) {
      case "Prepend": {
        const { prepend } = check(PrependSchema, step, file, field);
        run.push((text) => (text === "" ? text : prepend + text));
        break;
      }
      case "Replace": {
        const { pattern, content } = check(ReplaceSchema, step, file, field);
        const from = "String" in pattern ? literalPattern(pattern.String) : knownPattern(pattern.Regex);
        if (from === undefined)
          throw new TokenizerError("this regular expression is not one of the supported ones", { file, field: `${field}.pattern.Regex` });
        const least = "String" in pattern ? pattern.String.length : 1;
        growth *= Math.max(1, content.length / least);
        if (growth > MAX_GROWTH)
          throw new TokenizerError(`makes a text more than ${MAX_GROWTH} times longer`, { file, field, limit: MAX_GROWTH });
        shrink *= "String" in pattern ? Math.max(1, least / content.length) : Infinity;
        run.push((text) => text.replace(from, () => content));
        break;
      }
      case "Strip": {
        const { strip_left: left, strip_right: right } = check(StripSchema, step, file, field);
        shrink = Infinity;
        run.push((text) => strip(text, left === true, right === true));
        break;
      }
      case "NFC":
      case "NFD":
      case "NFKC":
      case "NFKD": {
        const form = step.type;
        shrink *= COMPOSED;
        run.push((text) => text.normalize(form));
        break;
      }
      case "Lowercase":
        run.push(lowercase);
        break;
      case "ByteLevel":
        run.push(byteCharacters);
        break;
      case "StripAccents":
        shrink = Infinity;
        run.push((text) => text.replace(/\p{M}/gu, ""));
        break;
      case "Nmt":
        shrink = Infinity;
        run.push(nmt);
        break;
      case "BertNormalizer":
        shrink = Infinity;
        run.push(bert(check(BertSchema, step, file, field)));
        break;
      default:
        throw unsupported(step.type, file, field);
    }
  }
  return { apply: (text) => run.reduce((now, step) => step(now), text), shrink };
}

/** Character by character, as Rust's `char::to_lowercase`: no final sigma. */
function lowercase(text: string): string {
  return text.includes("Σ")
    ? text
        .split("Σ")
        .map((part) => part.toLowerCase())
        .join("σ")
    : text.toLowerCase();
}

function strip(text: string, left: boolean, right: boolean): string {
  let start = 0;
  let end = text.length;
  while (left && start < end && WHITE_SPACE.test(text[start]!)) start++;
  while (right && end > start && WHITE_SPACE.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}

/** The preprocessing of NMT (SentencePiece's nmt_nfkc, without its table). */
function nmt(text: string): string {
  return text
    .replace(/[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/g, "")
    .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, " ");
}

const CJK = new RegExp(
  String.raw`[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}` +
    String.raw`\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]`,
  "gu",
);

function bert(options: v.InferOutput<typeof BertSchema>): Step {
  const lower = options.lowercase !== false;
  const accents = options.strip_accents ?? lower;
  return (text) => {
    let now = text;
    if (options.clean_text !== false) now = now.replace(/(?![\t\n\r])[\0\ufffd\p{Cc}\p{Cf}\p{Co}]/gu, "").replace(/\p{White_Space}/gu, " ");
    if (options.handle_chinese_chars !== false) now = now.replace(CJK, " $& ");
    if (accents) now = now.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lower ? lowercase(now) : now;
  };
}
