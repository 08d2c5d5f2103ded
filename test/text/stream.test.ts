import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createDetokenizer } from "../../src/text/stream.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import type { DecodeOptions, Tokenizer } from "../../src/text/tokenizer.ts";
import { byteLevelTokenizerJson } from "../helpers/byte-level-tokenizer.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { byteIds, tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const tiny = loadTokenizer(tinyTokenizerJson(), "tiny");
const byteLevel = loadTokenizer(byteLevelTokenizerJson(), "byte-level");

function pieces(tokenizer: Tokenizer, ids: ArrayLike<number>, options: DecodeOptions = {}): { shown: string[]; rest: string } {
  const stream = createDetokenizer(tokenizer, options);
  const shown = Array.from(ids, (id) => stream.push(id));
  return { shown, rest: stream.flush() };
}

/** Ids of single bytes that make UTF-8 sequences of all kinds likely: whole, cut, overlong, surrogates, beyond U+10FFFF. */
function awkwardIds(tokenizer: Tokenizer): number[] {
  const wanted = new Set([0x00, 0x20, 0x41, 0x80, 0x9f, 0xa0, 0xbf, 0xc0, 0xc3, 0xe0, 0xe4, 0xed, 0xef, 0xbb, 0xf0, 0x90, 0xf4, 0xff]);
  return Array.from({ length: tokenizer.vocabSize }, (_, id) => id).filter((id) => {
    const bytes = tokenizer.idToBytes(id);
    return bytes.length === 1 && wanted.has(bytes[0]!);
  });
}

function checkRandomIds(tokenizer: Tokenizer, numRuns: number): void {
  const awkward = awkwardIds(tokenizer);
  const any = fc.integer({ min: 0, max: tokenizer.vocabSize + 2 });
  const id = awkward.length === 0 ? any : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...awkward) }, { weight: 1, arbitrary: any });
  const options = fc.record({ skipSpecial: fc.boolean(), continuation: fc.boolean() });
  fc.assert(
    fc.property(fc.array(id, { maxLength: 30 }), options, (ids, opts) => {
      const { shown, rest } = pieces(tokenizer, ids, opts);
      expect(shown.join("") + rest).toBe(tokenizer.decode(ids, opts));
      for (const piece of shown) expect(piece).not.toMatch(/\p{Surrogate}/u);
    }),
    { numRuns, seed: 5 },
  );
}

describe("a stream of any ids is what decode gives", () => {
  it("SentencePiece-style", () => checkRandomIds(tiny, 3000));
  it("byte-level", () => checkRandomIds(byteLevel, 3000));
  for (const path of [
    "checkpoints/blockffn-nano/tokenizer.json",
    "checkpoints/tinystories-656k/tokenizer.json",
    "tokenizers/minicpm4_73448.tokenizer.json",
  ]) {
    describeShared(path, path, () => it("real", () => checkRandomIds(loadTokenizer(readFileSync(sharedPath(path)), path), 1500)));
  }
});

describe("characters", () => {
  it.each([
    ["tiny", tiny],
    ["byte-level", byteLevel],
  ])("are never split, and shown as soon as they are whole: %s", (_, tokenizer) => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), (text) => {
        const ids = tokenizer.encode(text, { addBos: false, parseSpecial: false });
        const stream = createDetokenizer(tokenizer);
        let bytes: number[] = [];
        let seen = "";
        for (const id of ids) {
          bytes = [...bytes, ...tokenizer.idToBytes(id)];
          seen += stream.push(id);
          // Everything up to the last whole character is out.
          const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes), { stream: true });
          expect(seen).toBe(tokenizer === tiny ? whole.slice(1) : whole);
          expect(seen.includes("\ufffd")).toBe(text.includes("\ufffd") && whole.includes("\ufffd"));
        }
        expect(stream.flush()).toBe("");
      }),
      { numRuns: 300, seed: 6 },
    );
  });

  it("that stay unfinished become U+FFFD at the end only", () => {
    const { shown, rest } = pieces(tiny, byteIds("a😀").slice(0, 4));
    expect(shown).toEqual(["a", "", "", ""]);
    expect(rest).toBe("\ufffd");
  });

  it("keep a byte order mark", () => expect(pieces(tiny, byteIds("\ufeffa")).shown.join("")).toBe("\ufeffa"));
});

describe("the leading space", () => {
  const ids = tiny.encode("ab  c");

  it("is dropped at the start of a text, kept in a continuation", () => {
    expect(pieces(tiny, ids).shown.join("")).toBe("ab  c");
    expect(pieces(tiny, ids, { continuation: true }).shown.join("")).toBe(" ab  c");
    expect(pieces(byteLevel, byteLevel.encode(" a")).shown.join("")).toBe(" a");
  });

  it("is kept after a flush", () => {
    const stream = createDetokenizer(tiny);
    expect(stream.flush()).toBe("");
    expect(stream.push(tiny.tokenToId("▁")!)).toBe(" ");
  });
});

it("costs the same for each token, however long the text", () => {
  let calls = 0;
  const counting: Tokenizer = {
    ...tiny,
    specialIds: tiny.specialIds,
    strip: tiny.strip,
    idToBytes: (id) => (calls++, tiny.idToBytes(id)),
  } as Tokenizer;
  const stream = createDetokenizer(counting);
  const id = tiny.tokenToId("a")!;
  let text = "";
  for (let i = 0; i < 20_000; i++) text += stream.push(id);
  expect(calls).toBe(20_000);
  expect(text).toBe("a".repeat(20_000));
});
