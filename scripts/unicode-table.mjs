// Writes standalone/text/unicode-table.ts: the classes of Unicode's characters that regular expressions of tokenizers name, from the tables
// of the JavaScript engine that runs this, so that all hosts split alike. Run it with the engine whose version is to be had.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const END = 0x110000;
/** Classes in the order of their numbers (standalone/text/unicode.ts); 0 is all the rest. */
const CLASSES = [
  ["\\p{Lu}", 1],
  ["\\p{Ll}", 2],
  ["\\p{Lt}", 3],
  ["\\p{Lm}", 4],
  ["\\p{Lo}", 5],
  ["\\p{M}", 6],
  ["\\p{Nd}", 7],
  ["\\p{Nl}", 8],
  ["\\p{No}", 9],
  ["\\p{Pc}", 10],
  ["\\p{P}", 11],
  ["(?=\\p{Alphabetic})\\p{S}", 12],
  ["\\p{S}", 13],
].map(([source, number]) => [new RegExp(`^${source}$`, "u"), number]);
/** A run that begins with Lu and takes turns with Ll. */
const ALTERNATING = 14;
const [UPPER, LOWER] = [1, 2];
/** Classes that are letters, marks, letter numbers or alphabetic symbols. */
const ALPHABETIC = [1, 2, 3, 4, 5, 8, 12];

function classOf(code) {
  if (code >= 0xd800 && code < 0xe000) return 0;
  const text = String.fromCodePoint(code);
  const number = CLASSES.find(([regex]) => regex.test(text))?.[1] ?? 0;
  // What `\w` joins: all that is alphabetic is in these classes or a mark.
  if (number !== 6 && /^\p{Alphabetic}$/u.test(text) !== ALPHABETIC.includes(number)) {
    throw new Error(`U+${code.toString(16)} is alphabetic in another class`);
  }
  return number;
}

const classes = Uint8Array.from({ length: END }, (_, code) => classOf(code));
const bytes = [];
for (let code = 0; code < END;) {
  let length = 1;
  let number = classes[code];
  while (code + length < END && classes[code + length] === number) length++;
  if (length === 1 && number === UPPER) {
    while (classes[code + length] === (length % 2 === 0 ? UPPER : LOWER)) length++;
    if (length > 2) {
      // The last upper case letter may begin a run of its own.
      if (length % 2 === 1 && classes[code + length] === UPPER) length--;
      number = ALTERNATING;
    } else length = 1;
  }
  // Class and length of the run: four bits each, longer ones behind in groups of seven bits, the lowest first.
  bytes.push((number << 4) | Math.min(length - 1, 15));
  if (length > 15) {
    let rest = length - 16;
    while (rest > 127) {
      bytes.push((rest & 127) | 128);
      rest >>= 7;
    }
    bytes.push(rest);
  }
  code += length;
}

/** Of the characters that may be, or become, another one in form C: those with a combining class, decomposed ones, second ones of pairs. */
function unsureOfFormC() {
  const unsure = new Set();
  for (let code = 0; code < END; code++) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const text = String.fromCodePoint(code);
    const parts = [...text.normalize("NFD")];
    if (text.normalize("NFC") !== text) unsure.add(code);
    else if (parts.length > 1) unsure.add(parts.at(-1).codePointAt(0));
    // A mark moves before one of the highest class, or behind one of the lowest.
    if (`\u0345${text}`.normalize("NFD") !== `\u0345${parts.join("")}` || `${text}\u0334`.normalize("NFD") !== `${parts.join("")}\u0334`)
      unsure.add(parts.at(-1).codePointAt(0));
    if (/\p{M}/u.test(text) && /^[\u0334-\u0338\u0345]$/.test(text)) unsure.add(code);
  }
  for (let code = 0x1161; code <= 0x1175; code++) unsure.add(code);
  for (let code = 0x11a8; code <= 0x11c2; code++) unsure.add(code);
  return unsure;
}
const unsure = unsureOfFormC();
const composed = [];
for (let code = 0, run = 0, was = false; code <= END; code++) {
  if (code < END && unsure.has(code) === was) {
    run++;
    continue;
  }
  for (; run > 127; run >>= 7) composed.push((run & 127) | 128);
  composed.push(run);
  was = !was;
  run = 1;
}

const rows = (all) => {
  const lines = [];
  for (let at = 0; at < all.length; at += 27) lines.push(`  ${all.slice(at, at + 27).join(", ")},`);
  return lines.join("\n");
};
const file = join(dirname(fileURLToPath(import.meta.url)), "../standalone/text/unicode-table.ts");
writeFileSync(
  file,
  `// Made by scripts/unicode-table.mjs. Runs of characters of one class, from U+0000 on.

/** The version of Unicode. */
export const UNICODE_VERSION: string = "${process.versions.unicode}";

// prettier-ignore
export const UNICODE_RUNS: StaticArray<u8> = [
${rows(bytes)}
];

/** Lengths of runs, in groups of seven bits: characters that are in form C wherever they stand, others, and so on by turns. */
// prettier-ignore
export const COMPOSED_RUNS: StaticArray<u8> = [
${rows(composed)}
];
`,
);
console.log(`Unicode ${process.versions.unicode}: ${bytes.length} and ${composed.length} bytes`);
