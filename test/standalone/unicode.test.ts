import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
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
});
