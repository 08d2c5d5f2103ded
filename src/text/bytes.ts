import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import { CHAR_OF_BYTE } from "./encode/characters.ts";
import { steps, unsupported } from "./encode/parts.ts";
import { check, schemas } from "./schema.ts";
import type { TypedPart } from "./schema.ts";

/** How tokens become bytes: the decoder of tokenizer.json, boiled down. */
export interface ByteDecoder {
  /** The bytes of one token, whatever stands around it. */
  bytes(token: string): Uint8Array;
  /** The character that is taken from the start of a whole text, and how often at most. */
  readonly strip: { readonly char: string; readonly count: number };
}

const ReplaceSchema = v.object({ pattern: v.object({ String: schemas.Short }), content: v.pipe(v.string(), v.maxLength(8)) });
const StripSchema = v.object({
  content: v.pipe(v.string(), v.length(1)),
  start: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8)),
  stop: v.literal(0, "stripping the end is not supported"),
});

const ENCODER = new TextEncoder();
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

/**
 * Reads the decoder of tokenizer.json: byte-level (GPT-2), or SentencePiece's replace, byte fallback, fuse, strip.
 * Every supported decoder gives a token's bytes without looking at its neighbours, so text can be streamed.
 * @throws TokenizerError for a decoder that is missing or of another kind.
 */
export function readDecoder(part: TypedPart | undefined, file: string): ByteDecoder {
  const field = "decoder";
  if (part === undefined) throw new TokenizerError("is missing: how tokens join to text is unknown", { file, field });
  const parts: [TypedPart, string][] = part.type === "Sequence" ? steps(part["decoders"], file, `${field}.decoders`) : [[part, field]];
  const replaces: [string, string][] = [];
  let byteFallback = false;
  let byteLevel = false;
  let fused = false;
  let strip = { char: " ", count: 0 };
  for (const [step, where] of parts) {
    // After Fuse there is one string: only the strip rule may follow.
    if (fused && step.type !== "Strip" && step.type !== "Fuse") throw unsupported(step.type, file, where);
    switch (step.type) {
      case "ByteLevel":
        byteLevel = true;
        break;
      case "ByteFallback":
        byteFallback = true;
        break;
      case "Replace": {
        if (byteFallback || byteLevel) throw unsupported(step.type, file, where);
        const { pattern, content } = check(ReplaceSchema, step, file, where);
        replaces.push([pattern.String, content]);
        break;
      }
      case "Fuse":
        fused = true;
        break;
      case "Strip": {
        if (!fused || strip.count > 0) throw unsupported(step.type, file, where);
        const { content, start } = check(StripSchema, step, file, where);
        strip = { char: content, count: start };
        break;
      }
      default:
        throw unsupported(step.type, file, where);
    }
  }
  const bytes = (token: string): Uint8Array => {
    let text = token;
    for (const [from, to] of replaces) text = text.replaceAll(from, to);
    if (byteFallback) {
      const match = BYTE_TOKEN.exec(text);
      if (match !== null) return Uint8Array.of(parseInt(match[1]!, 16));
    }
    return (byteLevel ? byteLevelBytes(text) : undefined) ?? ENCODER.encode(text);
  };
  return { bytes, strip };
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
