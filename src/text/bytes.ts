import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import { CHAR_OF_BYTE } from "./encode/characters.ts";
import { flatSteps, unsupported } from "./encode/parts.ts";
import { knownPattern, literalPattern } from "./encode/patterns.ts";
import { check, schemas } from "./schema.ts";
import type { TypedPart } from "./schema.ts";

/** Where a token stands in a text. */
export interface TokenPlace {
  readonly first?: boolean;
  readonly last?: boolean;
}

/** How tokens become bytes: the decoder of tokenizer.json, boiled down. */
export interface ByteDecoder {
  /** The bytes of one token, whatever its neighbours are. */
  bytes(token: string, place: TokenPlace): Uint8Array;
  /** Whether the last token of a text may have other bytes. */
  readonly endMatters: boolean;
  /** The character that is taken from the start of a whole text, and how often at most. */
  readonly strip: { readonly char: string; readonly count: number };
}

/** How much longer replacements may make a token, all together. */
const MAX_GROWTH = 16;
const Content = v.pipe(v.string(), v.maxLength(8));
const Cut = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8));
const ReplaceSchema = v.object({ pattern: schemas.Pattern, content: Content });
const StripSchema = v.object({ content: v.pipe(v.string(), v.length(1)), start: Cut, stop: Cut });
const MetaspaceSchema = v.object({
  replacement: v.pipe(v.string(), v.nonEmpty(), v.maxLength(2)),
  prepend_scheme: v.optional(v.picklist(["always", "first", "never"]), "always"),
});
const SuffixSchema = v.object({ suffix: v.optional(v.pipe(v.string(), v.nonEmpty(), v.maxLength(16)), "</w>") });
const WordPieceSchema = v.object({ prefix: v.optional(Content, "##"), cleanup: v.optional(v.boolean(), true) });

const ENCODER = new TextEncoder();
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

type Step = (token: string, place: TokenPlace) => string;

/**
 * Reads the decoder of tokenizer.json: every type of `tokenizers` but CTC, in the orders that give a token's bytes without
 * looking at its neighbours, so that text can be streamed.
 * @throws TokenizerError for a decoder that is missing, of another kind or in another order.
 */
export function readDecoder(part: TypedPart | undefined, file: string): ByteDecoder {
  if (part === undefined) throw new TokenizerError("is missing: how tokens join to text is unknown", { file, field: "decoder" });
  const run: Step[] = [];
  let growth = 1;
  let byteFallback = false;
  let byteLevel = false;
  let fused = false;
  let endMatters = false;
  let strip = { char: " ", count: 0 };
  for (const [step, where] of flatSteps(part, "decoders", file, "decoder")) {
    // After Fuse there is one string: only the strip rule may follow; and bytes are no characters any more.
    if (fused ? step.type !== "Strip" && step.type !== "Fuse" : byteFallback && step.type !== "Fuse" && step.type !== "ByteFallback")
      throw unsupported(step.type, file, where);
    switch (step.type) {
      case "ByteLevel":
        byteLevel = fused = true;
        break;
      case "ByteFallback":
        byteFallback = true;
        break;
      case "Fuse":
        fused = true;
        break;
      case "Replace": {
        const { pattern, content } = check(ReplaceSchema, step, file, where);
        const from = "String" in pattern ? literalPattern(pattern.String) : knownPattern(pattern.Regex);
        if (from === undefined)
          throw new TokenizerError("this regular expression is not one of the supported ones", { file, field: `${where}.pattern.Regex` });
        growth *= Math.max(1, content.length / ("String" in pattern ? pattern.String.length : 1));
        if (growth > MAX_GROWTH)
          throw new TokenizerError(`makes a token more than ${MAX_GROWTH} times longer`, { file, field: where, limit: MAX_GROWTH });
        run.push((token) => token.replace(from, () => content));
        break;
      }
      case "Strip": {
        const { content, start, stop } = check(StripSchema, step, file, where);
        if (!fused) {
          run.push((token) => cut(token, content, start, stop));
          break;
        }
        if (strip.count > 0) throw unsupported(step.type, file, where);
        if (stop > 0) throw new TokenizerError("stripping the end is not supported", { file, field: `${where}.stop` });
        strip = { char: content, count: start };
        break;
      }
      case "Metaspace": {
        const { replacement, prepend_scheme: scheme } = check(MetaspaceSchema, step, file, where);
        run.push((token, { first }) => token.replaceAll(replacement, first === true && scheme !== "never" ? "" : " "));
        break;
      }
      case "BPEDecoder": {
        const { suffix } = check(SuffixSchema, step, file, where);
        endMatters = true;
        run.push((token, { last }) => token.replaceAll(suffix, last === true ? "" : " "));
        break;
      }
      case "WordPiece": {
        const { prefix, cleanup } = check(WordPieceSchema, step, file, where);
        run.push((token, { first }) => {
          const joined = first === true ? token : prefix !== "" && token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
          return cleanup ? clean(joined) : joined;
        });
        break;
      }
      default:
        throw unsupported(step.type, file, where);
    }
  }
  const bytes = (token: string, place: TokenPlace): Uint8Array => {
    const text = run.reduce((now, step) => step(now, place), token);
    const match = byteFallback ? BYTE_TOKEN.exec(text) : null;
    if (match !== null) return Uint8Array.of(parseInt(match[1]!, 16));
    return (byteLevel ? byteLevelBytes(text) : undefined) ?? ENCODER.encode(text);
  };
  return { bytes, endMatters, strip };
}

/** Takes a character from the ends of a token, so often at most. */
function cut(token: string, content: string, start: number, stop: number): string {
  let from = 0;
  let to = token.length;
  while (from < start && token[from] === content) from++;
  while (token.length - to < stop && to > from && token[to - 1] === content) to--;
  return token.slice(from, to);
}

const CLEANED: readonly (readonly [string, string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** WordPiece's clean-up of spaces before signs. */
function clean(token: string): string {
  return CLEANED.reduce((now, [from, to]) => now.replaceAll(from, to), token);
}

const BYTE_OF_CHAR: ReadonlyMap<string, number> = new Map(CHAR_OF_BYTE.map((char, byte) => [char, byte]));

/** Undefined when a character is not in the table (added tokens): the token then stands for itself. */
function byteLevelBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF_CHAR.get(token[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
