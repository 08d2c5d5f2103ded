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

const lines = [];
for (let at = 0; at < bytes.length; at += 27) lines.push(`  ${bytes.slice(at, at + 27).join(", ")},`);
const file = join(dirname(fileURLToPath(import.meta.url)), "../standalone/text/unicode-table.ts");
writeFileSync(
  file,
  `// Made by scripts/unicode-table.mjs. Runs of characters of one class, from U+0000 on.

/** The version of Unicode. */
export const UNICODE_VERSION: string = "${process.versions.unicode}";

// prettier-ignore
export const UNICODE_RUNS: StaticArray<u8> = [
${lines.join("\n")}
];
`,
);
console.log(`Unicode ${process.versions.unicode}: ${bytes.length} bytes`);
