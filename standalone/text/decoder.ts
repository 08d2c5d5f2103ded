import { Bytes, isText } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { hexDigit } from "../format/json-text";
import { appendCharacterBytes } from "./byte-level";
import { readPattern, readType, replaceAll, unsupported } from "./normalizer";

const MAX_STEPS: i32 = 8;
/** How much longer replacements may make a token, all together. */
const MAX_GROWTH: f64 = 16;

/**
 * The decoder of tokenizer.json: ByteLevel, or SentencePiece's Replace, ByteFallback, Fuse, Strip. A token's bytes do not depend on its
 * neighbours.
 */
export class Decoder {
  /** The byte that is taken from the start of a text, and how often at most. */
  stripByte: u8 = 0x20;
  stripCount: i32 = 0;
  private from: Bytes[] = [];
  private to: Bytes[] = [];
  private byteFallback: bool = false;
  private byteLevel: bool = false;
  private fused: bool = false;
  private growth: f64 = 1;
  private one: Bytes = new Bytes();
  private other: Bytes = new Bytes();

  read(json: JsonReader, field: string, nested: bool = false): void {
    const begin = json.position();
    const type = readType(json, field);
    const end = json.position();
    if (failed()) return;
    json.seek(begin);
    if (type == "Sequence" && !nested) this.readSequence(json, field);
    else if (this.fused && type != "Strip" && type != "Fuse") unsupported(type, field);
    else if (type == "Replace" && !this.byteFallback) this.readReplace(json, field);
    else if (type == "ByteFallback") this.byteFallback = true;
    else if (type == "ByteLevel" && !this.byteFallback) this.byteLevel = this.fused = true;
    else if (type == "Fuse") this.fused = true;
    else if (type == "Strip" && this.fused && this.stripCount === 0) this.readStrip(json, field);
    else unsupported(type, field);
    json.seek(end);
  }

  /** Appends the bytes of a token. */
  append(at: usize, length: u32, out: Bytes): void {
    let now = this.one;
    let next = this.other;
    now.clear();
    now.append(at, length);
    for (let i = 0; i < this.from.length; i++) {
      next.clear();
      replaceAll(now.at, now.length, this.from[i], this.to[i], next);
      const swap = now;
      now = next;
      next = swap;
    }
    const byte = this.byteFallback ? byteToken(now.at, now.length) : -1;
    if (byte >= 0) out.push(<u8>byte);
    else if (!this.byteLevel || !appendCharacterBytes(now.at, now.length, out)) out.append(now.at, now.length);
  }

  private readSequence(json: JsonReader, field: string): void {
    json.openObject();
    while (json.nextKey()) {
      if (!json.isText("decoders")) {
        json.skip();
        continue;
      }
      let i = 0;
      json.openArray();
      while (json.nextElement()) {
        if (i >= MAX_STEPS) fail(`has more than ${MAX_STEPS} steps`, field);
        this.read(json, `${field}.decoders.${i++}`, true);
      }
    }
  }

  private readReplace(json: JsonReader, field: string): void {
    const from = new Bytes();
    const to = new Bytes();
    json.openObject();
    while (json.nextKey()) {
      if (json.isText("pattern")) readPattern(json, from, field);
      else if (json.isText("content")) {
        json.readString();
        to.append(json.text, json.textLength);
      } else json.skip();
    }
    if (!failed() && (from.length === 0 || from.length > 32 || to.length > 32)) fail("must replace 1 to 32 bytes by at most 32", field);
    if (failed()) return;
    this.growth *= max<f64>(1, <f64>to.length / <f64>from.length);
    if (this.growth > MAX_GROWTH) return fail(`makes a token more than ${MAX_GROWTH} times longer`, field);
    this.from.push(from);
    this.to.push(to);
  }

  private readStrip(json: JsonReader, field: string): void {
    json.openObject();
    while (json.nextKey()) {
      if (json.isText("content")) {
        json.readString();
        if (!failed() && (json.textLength !== 1 || load<u8>(json.text) > 0x7f)) {
          return fail("must be one ASCII character", field + ".content");
        }
        if (!failed()) this.stripByte = load<u8>(json.text);
      } else if (json.isText("start")) {
        const start = json.readInteger();
        if (start > 8) return fail("must be at most 8", field + ".start");
        this.stripCount = <i32>start;
      } else if (json.isText("stop")) {
        if (json.readInteger() !== 0) return fail("stripping the end is not supported", field + ".stop");
      } else json.skip();
    }
  }
}

/** The byte of a token "<0x0A>"; -1 for another token. */
function byteToken(at: usize, length: u32): i32 {
  if (length !== 6 || !isText(at, 3, "<0x") || load<u8>(at + 5) !== 0x3e) return -1;
  const high = hexDigit(load<u8>(at + 3));
  const low = hexDigit(load<u8>(at + 4));
  return high < 0 || low < 0 ? -1 : (high << 4) | low;
}
