import { characters } from "./strings.ts";

/** Letters of two letters' shapes, whose title case is a letter of its own: by their upper case. */
const DIGRAPHS: ReadonlyMap<string, string> = new Map([
  ["Ǆ", "ǅ"],
  ["Ǉ", "ǈ"],
  ["Ǌ", "ǋ"],
  ["Ǳ", "ǲ"],
]);

/** A letter as it begins a word: `ß` gives `Ss`, `ǆ` gives `ǅ`. */
function titleLetter(char: string): string {
  const upper = char.toUpperCase();
  const [first = "", ...rest] = upper;
  // The apostrophe of ŉ is no letter that could be the upper one.
  return DIGRAPHS.get(upper) ?? (first === "ʼ" ? upper : first + rest.join("").toLowerCase());
}

/** `str.capitalize`. */
export function capitalize(text: string): string {
  const [first = "", ...rest] = characters(text);
  return titleLetter(first) + rest.join("").toLowerCase();
}

/** `str.title`: a letter after anything that is no cased letter begins a word. */
export function titleCase(text: string): string {
  let inside = false;
  return characters(text)
    .map((char) => {
      const cased = /\p{Lu}|\p{Ll}|\p{Lt}/u.test(char);
      const shown = inside ? char.toLowerCase() : titleLetter(char);
      inside = cased;
      return cased ? shown : char;
    })
    .join("");
}
