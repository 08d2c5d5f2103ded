import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { WasiProbe } from "../helpers/wasi-probe.ts";

let probe: WasiProbe;
beforeAll(async () => {
  probe = await WasiProbe.create();
});

/** Bits of standalone/text/unicode.ts, as JavaScript's expressions say it. */
const CLASSES: readonly (readonly [RegExp, number])[] = [
  [/^\p{Lu}$/u, 1 << 1],
  [/^\p{Ll}$/u, 1 << 2],
  [/^\p{Lt}$/u, 1 << 3],
  [/^\p{Lm}$/u, 1 << 4],
  [/^\p{Lo}$/u, 1 << 5],
  [/^\p{M}$/u, 1 << 6],
  [/^\p{Nd}$/u, 1 << 7],
  [/^\p{Nl}$/u, 1 << 8],
  [/^\p{No}$/u, 1 << 9],
  [/^\p{Pc}$/u, 1 << 10],
  [/^[\p{Pd}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}]$/u, 1 << 11],
  [/^(?=\p{Alphabetic})\p{S}$/u, 1 << 12],
  [/^(?!\p{Alphabetic})\p{S}$/u, 1 << 13],
  [/^\p{White_Space}$/u, 1 << 14],
  [/^\P{White_Space}$/u, 1 << 15],
];
const WORD = 0b1_0101_1111_1110;
const version = /UNICODE_VERSION: string = "([\d.]+)"/.exec(
  readFileSync(new URL("../../standalone/text/unicode-table.ts", import.meta.url), "utf8"),
)?.[1];

describe("the table of Unicode's classes", () => {
  it("says of every character what this engine's expressions say", () => {
    const other = version !== process.versions["unicode"];
    if (other) console.log(`characters new in one of Unicode ${version} and ${process.versions["unicode"]} are not compared`);
    const wrong: number[] = [];
    for (let code = 0; code < 0x110000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const text = String.fromCodePoint(code);
      if (other && /^\p{Cn}$/u.test(text)) continue;
      const found = probe.exports.characterClass(code);
      const wanted = CLASSES.reduce((bits, [regex, bit]) => (regex.test(text) ? bits | bit : bits), 0);
      const word = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]$/u.test(text);
      if ((found & 0xfffe) !== wanted || ((found & WORD) !== 0) !== word) wrong.push(code);
    }
    expect(wrong.slice(0, 20).map((code) => code.toString(16))).toEqual([]);
  });

  it("tells texts that are in form C, and all that are common", () => {
    const sure: string[] = [];
    for (let code = 0; code < 0x110000; code++) {
      if ((code >= 0xd800 && code < 0xe000) || probe.exports.composed(code) === 0) continue;
      sure.push(String.fromCodePoint(code));
    }
    expect(sure.length).toBeGreaterThan(0x110000 - 0x800 - 3500);
    expect(sure.filter((text) => text.normalize("NFC") !== text)).toEqual([]);
    for (const text of "naïve Straße 中文 한국어 かな ガ العربية हिनदी ไทย 🙂 ﬁ ½ ①")
      expect(probe.exports.composed(text.codePointAt(0)!), text).toBe(1);
    // Composing joins or moves neighbours: none of these, in any order.
    const marks = sure.filter((text) => /[\p{M}\p{L}]/u.test(text) && !/[\p{Script=Han}\p{Script=Hangul}]/u.test(text));
    const random = createRandom(9);
    const pick = (): string => marks[random.uint32() % marks.length]!;
    for (let run = 0; run < 20_000; run++) {
      const text = Array.from({ length: 40 }, pick).join("");
      if (text.normalize("NFC") !== text) expect(text).toBe("in form C");
    }
    for (const mark of sure.filter((text) => /\p{M}/u.test(text))) {
      const text = `a${mark}\u1100${mark}க${mark}`;
      expect(text.normalize("NFC")).toBe(text);
    }
  });
});
