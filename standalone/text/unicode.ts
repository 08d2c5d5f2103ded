import { COMPOSED_RUNS, UNICODE_RUNS } from "./unicode-table";

// Classes of characters, as bits. The first fourteen are those of the table (scripts/unicode-table.mjs), in its order.
export const LETTERS: u32 = 0b111110;
export const UPPER: u32 = 1 << 1;
export const LOWER: u32 = 1 << 2;
export const TITLE: u32 = 1 << 3;
export const MODIFIER: u32 = 1 << 4;
export const OTHER_LETTER: u32 = 1 << 5;
export const MARKS: u32 = 1 << 6;
export const DIGITS: u32 = 1 << 7;
export const LETTER_NUMBERS: u32 = 1 << 8;
export const NUMBERS: u32 = DIGITS | LETTER_NUMBERS | (1 << 9);
export const CONNECTORS: u32 = 1 << 10;
export const PUNCTUATION: u32 = CONNECTORS | (1 << 11);
export const ALPHABETIC_SYMBOLS: u32 = 1 << 12;
export const SYMBOLS: u32 = ALPHABETIC_SYMBOLS | (1 << 13);
/** Unicode's White_Space, and all that is none. */
export const SPACE: u32 = 1 << 14;
export const NO_SPACE: u32 = 1 << 15;
/** `\w` of Rust's and Oniguruma's expressions: Alphabetic, marks, decimal digits, connectors. */
export const WORD: u32 = LETTERS | LETTER_NUMBERS | ALPHABETIC_SYMBOLS | MARKS | DIGITS | CONNECTORS;

/** A run of the table in which upper and lower case take turns. */
const ALTERNATING: u32 = 14;
const RUNS_MOST: i32 = 4096;
const TABLE_BYTES: i32 = UNICODE_RUNS.length;

/** Where each run begins: code point << 4 | class, ascending. */
const starts = new StaticArray<u32>(RUNS_MOST);
let runs: i32 = 0;
/** Classes of ASCII, which are asked for most. */
const ascii = new StaticArray<u32>(128);

/** The class of a character as one bit, and whether it is white space as another. */
export function classBits(code: u32): u32 {
  if (runs === 0) unpack();
  return code < 128 ? ascii[code] : search(code);
}

/** Is this a character of a word, as added tokens with `single_word` have it: `\w` and the joiners? */
export function isWordCharacter(code: u32): bool {
  return (classBits(code) & WORD) !== 0 || code === 0x200c || code === 0x200d;
}

function unpack(): void {
  let code: u32 = 0;
  for (let i = 0; i < TABLE_BYTES;) {
    const head = <u32>UNICODE_RUNS[i++];
    starts[runs++] = (code << 4) | (head >> 4);
    code += (head & 15) + 1;
    if ((head & 15) !== 15) continue;
    for (let shift: u32 = 0; ; shift += 7) {
      const more = <u32>UNICODE_RUNS[i++];
      code += (more & 127) << shift;
      if (more < 128) break;
    }
  }
  for (let c: u32 = 0; c < 128; c++) ascii[c] = search(c);
}

function search(code: u32): u32 {
  let low = 0;
  let high = runs;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (starts[middle] >> 4 <= code) low = middle;
    else high = middle;
  }
  let number = starts[low] & 15;
  if (number === ALTERNATING) number = 1 + ((code - (starts[low] >> 4)) & 1);
  return ((<u32>1) << number) | (isSpace(code) ? SPACE : NO_SPACE);
}

/** White_Space of the Unicode Standard. */
export function isSpace(code: u32): bool {
  if (code < 0x80) return code === 0x20 || (code >= 9 && code <= 13);
  if (code < 0x1680) return code === 0x85 || code === 0xa0;
  if (code >= 0x2000 && code <= 0x200a) return true;
  return code === 0x1680 || code === 0x2028 || code === 0x2029 || code === 0x202f || code === 0x205f || code === 0x3000;
}

const COMPOSED_BYTES: i32 = COMPOSED_RUNS.length;
/** First characters of runs: of those in form C wherever they stand, of others, by turns. */
const composedStarts = new StaticArray<u32>(COMPOSED_BYTES);
let composedRuns: i32 = 0;

/** Is a text in Unicode's form C, whatever stands around this character? (NFC_Quick_Check, UAX 15, with all doubts as no.) */
export function isComposed(code: u32): bool {
  if (code < 0x300) return true;
  if (composedRuns === 0) {
    let next: u32 = 0;
    for (let i = 0; i < COMPOSED_BYTES;) {
      composedStarts[composedRuns++] = next;
      for (let shift: u32 = 0; ; shift += 7) {
        const more = <u32>COMPOSED_RUNS[i++];
        next += (more & 127) << shift;
        if (more < 128) break;
      }
    }
  }
  let low = 0;
  let high = composedRuns;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (composedStarts[middle] <= code) low = middle;
    else high = middle;
  }
  return (low & 1) === 0;
}
